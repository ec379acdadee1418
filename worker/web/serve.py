"""Starting the web process."""

from __future__ import annotations

import logging
import os

import uvicorn

from config.settings import Settings
from worker.access import ways_in
from worker.port import check_port
from worker.store.private_files import UMASK
from worker.web.app import make_app

log = logging.getLogger(__name__)
log.setLevel(logging.INFO)  # what is said here, once at the start, is always said


def serve(settings: Settings, host: str | None = None) -> None:
    """Listen on PORT until told to stop. Without ADMIN_PASSWORD on this machine alone."""
    chosen = host or ("0.0.0.0" if settings.admin_password else "127.0.0.1")
    check_port(settings.port, chosen)
    os.umask(UMASK)  # what this process writes is for its user alone
    app = make_app(settings)
    log.info("pages: %s", ways_in.described(settings, app.state.ctx.store))
    uvicorn.run(
        app,
        host=chosen,
        port=settings.port,
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=10,
        limit_concurrency=500,  # connections at once; more are told to come back
    )
