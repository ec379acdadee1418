"""`POST /api/rescans` with a token for re-checks alone, as an automation of a CRM calls it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests
import sqlalchemy as sa
from constants import NUMBER, OTHER, WORKER
from crms import Crm
from fixture_types import Serve, Start, Sync
from processes import responds, until

from sandbox.hubspot import HubSpotService, Portal
from sandbox.run import Sandbox
from sandbox.salesforce import Org, SalesforceService
from worker.access import tokens
from worker.context import Context
from worker.store.tables import changed_records, suppressions
from worker.store.tables import runs as run_table
from worker.sync.propagate import propagate
from worker.sync.runs import lifecycle
from worker.sync.runs.scope import Scope

PHONES = {
    "salesforce": [f"phone/{name}" for name in ("Phone", "MobilePhone", "HomePhone", "OtherPhone")],
    "hubspot": ["phone/phone", "phone/mobilephone"],
}
ACCOUNTS = """
[connectors.salesforce.objects.Contact]
[connectors.salesforce.objects.Lead]
[connectors.salesforce.objects.Account]
phones = ["Phone", "PersonMobilePhone"]
"""


class Flow:
    """What calls us from the org: a bearer token, and a JSON body that names records."""

    def __init__(self, ctx: Context, url: str, *scopes: str) -> None:
        secret, _ = tokens.make(ctx.store, "flow", scopes or ["recheck"], "adam", ctx.now())
        self.url, self.session = url, requests.Session()
        self.session.headers["Authorization"] = f"Bearer {secret}"

    def call(self, ids: Any, connector: str = "salesforce", **fields: Any) -> requests.Response:
        body = {"connector": connector, "ids": ids, **fields}
        return self.session.post(f"{self.url}/api/rescans", json=body)


def waiting(ctx: Context) -> set[tuple[str, str]]:
    with ctx.store.read() as connection:
        rows = connection.execute(sa.select(changed_records.c.object, changed_records.c.record_id))
        return {(row.object, row.record_id) for row in rows}


def report_runs(ctx: Context) -> int:
    query = sa.select(sa.func.count()).where(run_table.c.kind == "reports")
    with ctx.store.read() as connection:
        return connection.scalar(query) or 0


@pytest.fixture
def salesforce(sandbox: Sandbox) -> Crm:
    return Crm.all(sandbox)["salesforce"]


class TestTheScope:
    def test_opens_no_other_route(self, serve: Serve, ctx: Context, salesforce: Crm) -> None:
        url = serve(ADMIN_TOKEN="secret")
        flow = Flow(ctx, url)
        paths = requests.get(f"{url}/openapi.json").json()["paths"]
        routes = [
            (method, path)
            for path, methods in paths.items()
            for method in methods
            if path.startswith("/api/") and (method, path) != ("post", "/api/rescans")
        ]
        assert len(routes) > 25
        values = {
            "{run_id}": "1", "{action}": "cancel", "{review_id}": "1", "{suppression_id}": "1",
            "{isolation_id}": "1", "{token_id}": "1", "{connector}": "salesforce",
            "{object_name}": "Contact", "{record_id}": "1",
        }  # fmt: skip
        for method, path in routes:
            for name, value in values.items():
                path = path.replace(name, value)
            assert flow.session.request(method, f"{url}{path}").status_code == 403, path
        assert flow.call(salesforce.ids()[:1]).status_code == 202

    @pytest.mark.parametrize(
        "fields",
        [
            {"force": True}, {"dry_run": True}, {"numbers": [NUMBER]}, {"older_than": "1d"},
            {"segment": "source=Web"}, {"ids": []}, {"accept_removals": True},
        ],
    )  # fmt: skip
    def test_takes_ids_and_nothing_else(
        self, serve: Serve, ctx: Context, salesforce: Crm, fields: dict[str, Any]
    ) -> None:
        flow = Flow(ctx, serve())
        answer = flow.call(**{"ids": salesforce.ids()[:1], **fields})
        assert (answer.status_code, "ids" in answer.text) == (403, True)
        assert (waiting(ctx), lifecycle.active(ctx)) == (set(), [])

    def test_leaves_the_rights_of_rescan_as_they_were(
        self, serve: Serve, ctx: Context, salesforce: Crm
    ) -> None:
        ids = salesforce.ids()[:2]
        assert Flow(ctx, serve(), "read").call(ids).status_code == 403
        opened = Flow(ctx, serve(), "rescan", "recheck").call(ids).json()["run"]
        assert lifecycle.load(ctx, opened).kind == "rescan"


class TestWhatItAsksFor:
    def test_is_looked_at_beside_a_sync_and_opens_no_run_in_the_call(
        self, serve: Serve, ctx: Context, salesforce: Crm, sync: Sync
    ) -> None:
        sync(ctx, "salesforce")
        changed, unchanged = salesforce.ids()[:2]
        salesforce.edit(changed, {"phone/Phone": NUMBER})
        calls = []
        flow = Flow(ctx, serve(notify=lambda: calls.append(1)))
        before = len(lifecycle.recent(ctx, 100))
        for _ in range(2):  # asked for twice, looked at once
            answer = flow.call([changed, unchanged], reason="from a flow")
            assert answer.status_code == 202
            assert answer.json()["run"] is None
            assert answer.json()["waiting"] == 2
        assert len(lifecycle.recent(ctx, 100)) == before
        until(lambda: len(calls) == 2, "the queue", 5)
        under_way = lifecycle.open_run(ctx, "salesforce", Scope("changed"))
        propagate(ctx, "salesforce")
        assert salesforce.get(changed, "e164/Phone") == NUMBER
        assert lifecycle.load(ctx, under_way).state == "running"
        assert (waiting(ctx), report_runs(ctx)) == (set(), 1)

    def test_a_deleted_record_does_not_fail_the_rest(
        self, serve: Serve, ctx: Context, salesforce: Crm, sync: Sync
    ) -> None:
        sync(ctx, "salesforce")
        deleted, kept = salesforce.ids()[:2]
        salesforce.edit(kept, {"phone/Phone": NUMBER})
        salesforce.act(deleted, {"delete": True})
        never = "003000000000zzzAAA"
        assert Flow(ctx, serve()).call([deleted, never, kept]).json()["waiting"] == 3
        propagate(ctx, "salesforce")
        assert salesforce.get(kept, "e164/Phone") == NUMBER
        assert waiting(ctx) == set()

    def test_an_id_of_another_object_is_refused_and_named(
        self, serve: Serve, ctx: Context, salesforce: Crm
    ) -> None:
        flow = Flow(ctx, serve())
        good = salesforce.ids()[0]
        for wrong, why in (
            ("006000000000001AAA", "not among connectors.salesforce.objects"),
            ("001000000000001AAA", "not among connectors.salesforce.objects"),
            ("003'; DROP", "not the id of a Contact"),
        ):
            answer = flow.call([good, wrong])
            assert (answer.status_code, wrong in answer.text, why in answer.text) == (
                422, True, True,
            ), answer.text  # fmt: skip
        assert waiting(ctx) == set()

    def test_ten_thousand_at_once_and_no_more(self, serve: Serve, ctx: Context) -> None:
        flow = Flow(ctx, serve())
        ids = [f"003{number:012d}AAA" for number in range(10_001)]
        begun = time.monotonic()
        assert flow.call(ids[:10_000]).json()["waiting"] == 10_000
        assert time.monotonic() - begun < 5
        assert flow.call(ids).status_code == 422


class TestPersonAccounts:
    @pytest.fixture
    def sandbox(self) -> Iterator[Sandbox]:
        org = Org(contacts=4, leads=1, person_accounts=3)
        started = Sandbox(SalesforceService(org), HubSpotService(Portal(1)))
        started.begin()
        yield started
        started.stop()

    def test_are_rechecked_as_accounts_and_their_contacts_left_alone(
        self, serve: Serve, make_context: Callable[..., Context], sandbox: Sandbox, sync: Sync
    ) -> None:
        ctx = make_context(ACCOUNTS)
        sync(ctx, "salesforce")
        org = sandbox.salesforce.org
        account = next(org.tables["Account"].after_id(None))
        contact = next(r for r in org.tables["Contact"].after_id(None) if not r["IsPersonAccount"])
        for name, row in (("Account", account), ("Contact", contact)):
            sandbox.salesforce.act(name, row["Id"], {"set": {"Phone": NUMBER}})
        ids = [account["PersonContactId"], account["Id"], contact["Id"]]
        assert Flow(ctx, serve(ACCOUNTS)).call(ids).json()["waiting"] == 3
        propagate(ctx, "salesforce")
        run = lifecycle.recent(ctx, 1, reports=True)[0]
        assert (run.state, waiting(ctx)) == ("done", set())
        assert org.find("Account", account["Id"])["Phone_E164__c"] == NUMBER
        assert org.find("Contact", contact["Id"])["Phone_E164__c"] == NUMBER
        assert not org.find("Contact", account["PersonContactId"]).get("Phone_E164__c")


class TestWithRealProcesses:
    def test_a_ticked_wrong_number_is_heard_within_seconds(
        self, ctx: Context, sandbox: Sandbox, sync: Sync, start: Start, free_port: int
    ) -> None:
        """Tick in the org -> call of its automation -> the number is suppressed and both CRMs know,
        while no beat runs and a sync is under way."""
        crms = Crm.all(sandbox)
        ids = {}
        for crm in crms.values():
            ids[crm.name] = crm.ids()[0]
            only = dict.fromkeys(PHONES[crm.name], None) | {f"phone/{crm.phone}": OTHER}
            crm.edit(ids[crm.name], only)  # of several numbers the tick would not say which
            sync(ctx, crm.name)
        lifecycle.open_run(ctx, "salesforce", Scope("changed"))
        start("worker", "web", PORT=str(free_port))
        start(*WORKER)
        url = f"http://127.0.0.1:{free_port}"
        until(lambda: responds(f"{url}/readyz"), "the web process")
        flow = Flow(ctx, url)
        # A worker that takes messages; the web process answers before one is there.
        flow.call(crms["salesforce"].ids()[1:2])
        until(lambda: not waiting(ctx), "the worker")

        crms["salesforce"].edit(ids["salesforce"], {"wrong_number": True})
        begun = time.monotonic()
        assert flow.call([ids["salesforce"]], reason="Flow").status_code == 202
        answered = time.monotonic() - begun

        def suppressed() -> bool:
            query = sa.select(suppressions.c.number).where(suppressions.c.lifted_at.is_(None))
            with ctx.store.read() as connection:
                return OTHER in set(connection.scalars(query))

        until(suppressed, "the suppression", 15)
        hubspot = crms["hubspot"]
        until(lambda: hubspot.get(ids["hubspot"], "wrong_number") is True, "HubSpot", 15)
        assert answered < 2

    @pytest.mark.timeout(240)
    def test_a_burst_of_calls_costs_few_runs(
        self, ctx: Context, salesforce: Crm, sync: Sync, start: Start, free_port: int
    ) -> None:
        """200 calls with 200 ids, as a mass update of people sets off: each answered at once, and
        the records looked at together."""
        sync(ctx, "salesforce")
        ids = (salesforce.ids() * 4)[:200]
        real = len(set(ids))
        start("worker", "web", PORT=str(free_port))
        start(*WORKER)
        url = f"http://127.0.0.1:{free_port}"
        until(lambda: responds(f"{url}/readyz"), "the web process")
        flows = [Flow(ctx, url) for _ in range(4)]
        with ThreadPoolExecutor(4) as pool:
            answers = list(pool.map(lambda n: flows[n % 4].call(ids), range(200)))
        assert {answer.status_code for answer in answers} == {202}
        assert {answer.json()["waiting"] for answer in answers} == {real}
        until(lambda: not waiting(ctx), "the worker", 60)
        slowest = max(answer.elapsed.total_seconds() for answer in answers)
        assert report_runs(ctx) < 50  # two or three on a quiet machine
        assert slowest < 10
