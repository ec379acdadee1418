"""Starting the web process."""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections.abc import Mapping

import uvicorn

from config import stopping
from config.settings import Settings
from worker.access import ways_in
from worker.store import Store, redis_hint
from worker.store.private_files import UMASK
from worker.web.app import make_app
from worker.web.port import check_port

log = logging.getLogger(__name__)
log.setLevel(logging.INFO)  # what is said here, once at the start, is always said

_REQUESTS_END_WITHIN = 5  # seconds; downloads and whatever waits for a CRM are cut off then
_THREADS_END_WITHIN = 2.0  # seconds


def serve(settings: Settings, host: str | None = None) -> None:
    """Listen on PORT until told to stop; on which address: `address`.

    A signal lets requests end, those that take long only for some seconds, and raises
    `KeyboardInterrupt` (`worker.cli.base`).
    """
    os.umask(UMASK)  # what this process writes is for its user alone
    app = make_app(settings)
    chosen = host or address(settings, app.state.ctx.store)
    check_port(settings.port, chosen)
    log.info("pages: %s", ways_in.described(settings, app.state.ctx.store))
    if settings.redis_url:  # not waited for: pages are there without it
        threading.Thread(
            target=redis_hint.warn_unless_it_answers, args=(settings.redis_url,), daemon=True
        ).start()
    config = uvicorn.Config(
        app,
        host=chosen,
        port=settings.port,
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=_REQUESTS_END_WITHIN,
        limit_concurrency=500,  # connections at once; more are told to come back
    )
    server = uvicorn.Server(config)
    try:
        server.run()
    finally:
        # A thread that waits for a CRM would keep the process for as long as that takes.
        last = threading.Timer(_THREADS_END_WITHIN, os._exit, (stopping.CODE,))
        last.daemon = True
        last.start()
    if not server.started:
        sys.exit(1)


def address(settings: Settings, store: Store, env: Mapping[str, str] = os.environ) -> str:
    """The address to listen on: all of this machine's, or only its own if nobody has a password.

    A hosting platform sets PORT and connects from outside. Then people's passwords or an identity
    provider open the address too, not only ADMIN_PASSWORD.
    """
    on_platform = bool(env.get("PORT"))
    if settings.admin_password or (on_platform and not ways_in.needs_link(settings, store)):
        return "0.0.0.0"
    if on_platform:
        log.warning("PORT is set, but nobody has a password: only this machine can reach the pages,"
                    " the API and webhooks; set ADMIN_PASSWORD to open them")  # fmt: skip
    return "127.0.0.1"
