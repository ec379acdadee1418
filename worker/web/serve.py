"""Starting the web process."""

from __future__ import annotations

import uvicorn

from config.settings import Settings
from worker.port import check_port
from worker.web.app import make_app


def serve(settings: Settings, host: str | None = None) -> None:
    """Listen on PORT until told to stop. Without ADMIN_PASSWORD on this machine alone, so that
    nobody else sees the pages by oversight."""
    chosen = host or ("0.0.0.0" if settings.admin_password else "127.0.0.1")
    check_port(settings.port, chosen)
    uvicorn.run(
        make_app(settings),
        host=chosen,
        port=settings.port,
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=10,
        limit_concurrency=500,  # connections at once; more are told to come back
    )
