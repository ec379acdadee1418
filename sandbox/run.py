"""Starting the stand-ins: in a thread of this process, or as a program of their own."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from sandbox import pages
from sandbox.hubspot import HubSpotService, Portal
from sandbox.hubspot.service import TOKEN as HUBSPOT_TOKEN
from sandbox.salesforce import Org, SalesforceService
from sandbox.salesforce.service import CLIENT_ID, CLIENT_SECRET
from sandbox.service import Service


def environment(salesforce_port: int, hubspot_port: int, host: str = "127.0.0.1") -> dict[str, str]:
    """Environment variables that connect the product to stand-ins at these ports."""
    return {
        "SALESFORCE_LOGIN_URL": f"http://{host}:{salesforce_port}",
        "SALESFORCE_CLIENT_ID": CLIENT_ID,
        "SALESFORCE_CLIENT_SECRET": CLIENT_SECRET,
        "HUBSPOT_ACCESS_TOKEN": HUBSPOT_TOKEN,
        "HUBSPOT_API_URL": f"http://{host}:{hubspot_port}",
    }


@dataclass
class Sandbox:
    """The running stand-ins. Ports of 0 are chosen by the system."""

    salesforce: SalesforceService
    hubspot: HubSpotService
    host: str = "127.0.0.1"
    salesforce_port: int = 0
    hubspot_port: int = 0

    def __post_init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._problem: BaseException | None = None
        self._thread = threading.Thread(target=self._serve, daemon=True, name="sandbox")

    @classmethod
    def start(
        cls,
        contacts: int = 200,
        leads: int | None = None,
        seed: int = 7,
        with_fields: bool = True,
        **ports: Any,
    ) -> Sandbox:
        """`contacts` people in each CRM; in Salesforce `leads` of them (a fifth) are Leads."""
        leads = contacts // 5 if leads is None else leads
        sandbox = cls(
            SalesforceService(Org(contacts - leads, leads, seed, with_fields)),
            HubSpotService(Portal(contacts, seed, with_fields)),
            **ports,
        )
        sandbox._thread.start()
        sandbox._ready.wait()
        if sandbox._problem is not None:
            raise sandbox._problem
        return sandbox

    @property
    def salesforce_url(self) -> str:
        return f"http://{self.host}:{self.salesforce_port}"

    @property
    def hubspot_url(self) -> str:
        return f"http://{self.host}:{self.hubspot_port}"

    def env(self) -> dict[str, str]:
        return environment(self.salesforce_port, self.hubspot_port, self.host)

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=5)

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self.salesforce_port = self._loop.run_until_complete(
                self._listen(self.salesforce, self.salesforce_port)
            )
            self.hubspot_port = self._loop.run_until_complete(
                self._listen(self.hubspot, self.hubspot_port)
            )
        except OSError as error:
            self._problem = error
            self._ready.set()
            return
        self._ready.set()
        self._loop.run_forever()

    async def _listen(self, service: Service, port: int) -> int:
        app = service.app()
        pages.add(app, service)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, self.host, port)
        await site.start()
        assert runner.addresses
        return int(runner.addresses[0][1])
