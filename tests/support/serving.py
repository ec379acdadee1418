"""The web process in a thread of the tests: up and down without uvicorn's waits."""

from __future__ import annotations

import asyncio
import socket
import threading

import uvicorn
from fastapi import FastAPI


class WebServer(uvicorn.Server):
    """Serves an app at a port of its own. uvicorn checks ten times a second whether to stop,
    and waits another tenth of a second: this one is notified."""

    def __init__(self, app: FastAPI) -> None:
        super().__init__(uvicorn.Config(app, port=0, log_config=None, access_log=False))
        self._up = threading.Event()
        self._thread = threading.Thread(target=self._serve_in_thread, daemon=True)

    def start(self) -> str:
        """Start serving and return the URL."""
        self._thread.start()
        self._up.wait(60)
        assert self.started, "the web process did not start"
        port = self.servers[0].sockets[0].getsockname()[1]
        return f"http://127.0.0.1:{port}"

    def stop(self) -> None:
        """Stop once the requests under way are done."""
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join(10)

    def _serve_in_thread(self) -> None:
        try:
            self.run()
        finally:
            self._up.set()

    async def main_loop(self) -> None:
        self._loop, self._end = asyncio.get_running_loop(), asyncio.Event()
        await self.on_tick(0)
        self._up.set()
        await self._end.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        while self.server_state.connections or self.server_state.tasks:
            await asyncio.sleep(0.005)
        await self.lifespan.shutdown()
