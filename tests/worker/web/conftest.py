"""Specification of `worker.web`, over real HTTP.

Read in this order:

    test_app.py           health, readiness, overview
    test_access.py        who may log in, and with which role
    test_login_link.py    login without a password
    test_oidc.py          login by OpenID Connect
    test_redirects.py     no redirect leads to another host
    test_port.py          the port
    test_webhooks.py      signed webhooks
    test_api.py           the API
    test_scrub_api.py     whether numbers may be contacted
    test_verify_api.py    a number is verified while a form is filled in
    test_capture_script.py  the script that a form includes, in Chromium
    test_registries_page.py  lists with an authority, by the pages and in Chromium
    test_killed_uploads.py  a web process that is killed while an import arrives
    test_pipedrive_relay.py  the relay of webhooks that the example of Pipedrive shows
    test_capture_keys_page.py  the keys of forms, by the pages and in Chromium
    test_reviews_api.py   replies that a person decides, by the API
    test_reviews_page.py  replies that a person decides, in Chromium
    test_endpoints_api.py  endpoints of events and the feed of changes, by the API
    test_endpoints_page.py  endpoints of events, by the pages and in Chromium
    test_asking_page.py   campaigns that ask customers, in Chromium
    test_openapi.py       the document of the API, held against real answers
    test_docs_page.py     the API's reference as a page, in Chromium
    test_rechecks.py      the API for automations of a CRM
    test_hubspot_app.py   the HubSpot app
    test_two_portals.py   two HubSpot accounts at one address
    test_hubspot_card.py  the HubSpot card in Chromium
    test_frame.py         the frame of every page, and the files of others
    test_charts.py        the plots
    test_search.py        the search box
    test_flows.py         flows without dead ends
    test_first_steps.py   getting started
    test_webhook_check.py  the test of webhooks among the first steps
    test_pages.py         the admin's pages in Chromium
    test_dialogs.py       what opens above a page, logging in, and errors
    test_record_actions.py  what is said on the page of a record
    test_contacts.py      the contacts behind a figure, in Chromium
    test_duplicates_page.py  contacts that share a number, in Chromium; exports, command and API
    test_evidence.py      the evidence for a number
    test_removals.py      removals on hold
    test_failures.py      a database that is away, and faults of ours
    test_pause.py         the switch that pauses everything
    test_confirm.py       the recipient's page
    test_fuzz.py          any request gets an answer
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest
from fixture_types import Serve
from serving import WebServer

from config.settings import Settings
from worker.context import Context
from worker.events import delivery
from worker.suppression.apply_reports import apply_pending
from worker.sync.pages.runner import run_to_completion
from worker.sync.propagate import pending_connectors, propagate
from worker.sync.undo import undo as undoing
from worker.web.app import make_app


class NoWorkers:
    """A queue that nobody works on; `reports` may be given."""

    def __init__(self, notify: Callable[[], None]) -> None:
        self.reports = notify

    def go_on(self, run_id: str) -> None:
        pass

    def undo(self, undo_id: str) -> None:
        pass


class InThreads:
    """A queue whose work is done at once, in threads of this process."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.threads: list[threading.Thread] = []

    def reports(self) -> None:
        self._do(self._tell)

    def go_on(self, run_id: str) -> None:
        self._do(lambda ctx: run_to_completion(ctx, run_id, pages_at_once=1))

    def undo(self, undo_id: str) -> None:
        self._do(lambda ctx: undoing.execute(ctx, undo_id))

    @staticmethod
    def _tell(ctx: Context) -> None:
        apply_pending(ctx)
        delivery.deliver(ctx, seconds=2)
        for name in pending_connectors(ctx):
            propagate(ctx, name)

    def _do(self, work: Callable[[Context], object]) -> None:
        def run() -> None:
            ctx = Context.create(self._settings)
            try:
                work(ctx)
            finally:
                ctx.close()

        self.threads.append(threading.Thread(target=run, daemon=True))
        self.threads[-1].start()


@pytest.fixture
def serve(make_settings: Callable[..., Settings]) -> Iterator[Serve]:
    """Starts a server; `notify` stands for the queue; with `working` its work is done."""
    servers: list[WebServer] = []

    def start(
        toml: str = "", notify: Callable[[], None] = lambda: None, working: bool = False, **env: str
    ) -> str:
        settings = make_settings(toml, **env)
        app = make_app(settings, InThreads(settings) if working else NoWorkers(notify))
        servers.append(WebServer(app))
        return servers[-1].start()

    yield start
    for server in servers:
        server.stop()
