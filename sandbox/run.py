"""Starting the stand-ins: in a thread of this process, or as a program of their own."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, TypeVar

from aiohttp import web

from sandbox import pages
from sandbox.hubspot import HubSpotService, Portal
from sandbox.hubspot.events import PORTAL_ID
from sandbox.hubspot.service import TOKEN as HUBSPOT_TOKEN
from sandbox.messages import SERVICE as MESSAGING_SERVICE
from sandbox.messages import MessagesService
from sandbox.network import Network
from sandbox.providers import (
    ClearoutPhoneService,
    NumVerifyService,
    RndService,
    TwilioService,
    clearoutphone,
    numverify,
    rnd,
    twilio,
)
from sandbox.salesforce import Org, SalesforceService
from sandbox.salesforce.login import CLIENT_ID, CLIENT_SECRET
from sandbox.salesforce.schema import ORG_ID, full_id
from sandbox.service import Service

if TYPE_CHECKING:
    from sandbox.salesforce.pubsub.server import PubSubService

Ports = Mapping[str, int]
T = TypeVar("T")
CRMS = ("salesforce", "hubspot")
PROVIDERS = ("twilio", "numverify", "clearoutphone", "rnd")
SENDERS = ("messages",)


def environment(ports: Ports, host: str = "127.0.0.1", suffix: str = "") -> dict[str, str]:
    """Environment variables that connect the product to the stand-ins that have a port here.
    `suffix`: of the CRMs' connections, such as EMEA for SALESFORCE_EMEA_LOGIN_URL."""
    url = {name: f"http://{host}:{port}" for name, port in ports.items()}
    known = {
        "salesforce": {
            "SALESFORCE_LOGIN_URL": "",
            "SALESFORCE_CLIENT_ID": CLIENT_ID,
            "SALESFORCE_CLIENT_SECRET": CLIENT_SECRET,
        },
        "pubsub": {"SALESFORCE_PUBSUB_URL": ""},
        "hubspot": {"HUBSPOT_API_URL": "", "HUBSPOT_ACCESS_TOKEN": HUBSPOT_TOKEN},
        "twilio": {
            "TWILIO_LOOKUP_URL": "",
            "TWILIO_ACCOUNT_SID": twilio.SID,
            "TWILIO_AUTH_TOKEN": twilio.TOKEN,
        },
        "messages": {
            "TWILIO_API_URL": "",
            "TWILIO_ACCOUNT_SID": twilio.SID,
            "TWILIO_AUTH_TOKEN": twilio.TOKEN,
            "TWILIO_MESSAGING_SERVICE_SID": MESSAGING_SERVICE,
        },
        "numverify": {"NUMVERIFY_URL": "", "NUMVERIFY_ACCESS_KEY": numverify.KEY},
        "clearoutphone": {"CLEAROUTPHONE_URL": "", "CLEAROUTPHONE_API_TOKEN": clearoutphone.TOKEN},
        "rnd": {
            "RND_URL": "",
            "RND_REFRESH_TOKEN": rnd.REFRESH_TOKEN,
            "RND_COMPANY_ID": rnd.COMPANY,
        },
    }
    return {
        _of_connection(variable, suffix if name in CRMS else ""): value or url[name]
        for name, variables in known.items()
        if name in ports
        for variable, value in variables.items()
    }


def org_id_beside(portal_id: int) -> str:
    """Return the id of the Salesforce org that stands beside a HubSpot account."""
    return ORG_ID if portal_id == PORTAL_ID else full_id("00D", portal_id)


def _of_connection(variable: str, suffix: str) -> str:
    kind, _, rest = variable.partition("_")
    return f"{kind}_{suffix}_{rest}" if suffix else variable


class Sandbox:
    """The running stand-ins, each at a port of its own; 0 is one chosen by the system."""

    def __init__(
        self,
        salesforce: SalesforceService,
        hubspot: HubSpotService,
        host: str = "127.0.0.1",
        ports: Ports | None = None,
    ) -> None:
        self.salesforce = salesforce
        self.hubspot = hubspot
        self.network = Network()
        self.twilio = TwilioService(self.network)
        self.numverify = NumVerifyService(self.network)
        self.clearoutphone = ClearoutPhoneService(self.network)
        self.rnd = RndService(self.network)
        self.messages = MessagesService()
        self.host = host
        self.ports: dict[str, int] = {
            **dict.fromkeys((*CRMS, *PROVIDERS, *SENDERS), 0), **(ports or {}),
        }  # fmt: skip
        self._loop = asyncio.new_event_loop()
        self._starting: set[asyncio.Task[None]] = set()
        self.used = False  # whether anybody has connected to it
        self._ready = threading.Event()
        self._problem: BaseException | None = None
        self._sites: list[web.SockSite] = []
        self._listening: list[socket.socket] = []
        self._thread = threading.Thread(target=self._serve, daemon=True, name="sandbox")
        self.pubsub: PubSubService | None = None  # since `stream`

    @classmethod
    def start(
        cls,
        contacts: int = 200,
        leads: int | None = None,
        seed: int = 7,
        with_fields: bool = True,
        ports: Ports | None = None,
        portal_id: int = PORTAL_ID,
    ) -> Sandbox:
        """`contacts` people in each CRM; in Salesforce `leads` of them (a fifth) are Leads. With
        another `portal_id` the Salesforce org has another id as well."""
        leads = contacts // 5 if leads is None else leads
        sandbox = cls(
            SalesforceService(
                Org(contacts - leads, leads, seed, with_fields, id=org_id_beside(portal_id))
            ),
            HubSpotService(Portal(contacts, seed, with_fields, id=portal_id)),
            ports=ports,
        )
        sandbox.begin()
        return sandbox

    def begin(self) -> None:
        """Listen, in a thread; raises what stands in the way."""
        self._thread.start()
        self._ready.wait()
        if self._problem is not None:
            raise self._problem

    def stream(self, port: int = 0) -> PubSubService:
        """Deliver the Salesforce org's change events as well; needs the extra `streaming`."""
        from sandbox.salesforce.pubsub.event_bus import EventBus
        from sandbox.salesforce.pubsub.server import PubSubService

        bus = EventBus(self.salesforce.org)
        self.pubsub = PubSubService(bus, lambda: self.salesforce.tokens)
        self.ports["pubsub"] = self.pubsub.start(self.host, port)
        return self.pubsub

    def url(self, name: str) -> str:
        return f"http://{self.host}:{self.ports[name]}"

    @property
    def salesforce_url(self) -> str:
        return self.url("salesforce")

    @property
    def hubspot_url(self) -> str:
        return self.url("hubspot")

    def env(self, *providers: str, suffix: str = "") -> dict[str, str]:
        """What connects the product to the CRMs, and to these providers."""
        streams = ("pubsub",) if self.pubsub is not None else ()
        wanted = {name: self.ports[name] for name in (*CRMS, *streams, *providers)}
        return environment(wanted, self.host, suffix)

    def call(self, function: Callable[[], T]) -> T:
        """Do something to the stand-ins between two of their answers, as their own code does."""

        async def calling() -> T:
            return function()

        return asyncio.run_coroutine_threadsafe(calling(), self._loop).result()

    def stop(self) -> None:
        if self.pubsub is not None:
            self.pubsub.stop()
        if self._loop.is_closed():  # it has stopped before
            return
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=5)

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            for name in self.ports:
                self.ports[name] = self._listen(getattr(self, name), self.ports[name])
        except OSError as error:
            self._problem = error
            self._ready.set()
            return
        self._ready.set()
        self._loop.run_forever()
        for site in self._sites:  # nobody connects any more
            self._loop.run_until_complete(site.stop())
        for listening in self._listening:
            if listening.fileno() >= 0:  # nobody has connected to it
                self._loop.remove_reader(listening)
                listening.close()
        tasks = asyncio.all_tasks(self._loop)  # connections that clients keep open
        for task in tasks:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        self._loop.close()

    def _listen(self, service: Service, port: int) -> int:
        """Take a port. What answers there is built when somebody connects: half of the time in
        which a sandbox starts goes into routes, and few callers use every service."""
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        listening = socket.create_server((self.host, port), family=family, backlog=128)
        listening.setblocking(False)
        self._listening.append(listening)
        self._loop.add_reader(listening, self._connected, service, listening)
        return int(listening.getsockname()[1])

    def _connected(self, service: Service, listening: socket.socket) -> None:
        self.used = True
        self._loop.remove_reader(listening)
        task = self._loop.create_task(self._answer(service, listening))
        self._starting.add(task)
        task.add_done_callback(self._starting.discard)

    async def _answer(self, service: Service, listening: socket.socket) -> None:
        app = service.app()
        if isinstance(service, (SalesforceService, HubSpotService)):
            pages.add(app, service)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        site = web.SockSite(runner, listening)
        await site.start()
        self._sites.append(site)
