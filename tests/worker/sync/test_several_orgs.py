"""Two orgs and two portals: one list of suppressions and one index, all else apart."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa
from click import UsageError
from clocks import advance_clock
from constants import NUMBER, OTHER
from crms import Crm
from fixture_types import Sync
from merging import merge, set_only_number
from processes import until
from reports import store_report, stored_reports

from config import logging_setup
from config.errors import HygieneError
from config.settings import Log
from connectors.errors import AuthError, ConnectorError, QuotaError
from connectors.http.pacing import Remaining
from connectors.http.rate_limits import Limits
from sandbox.run import Sandbox
from worker.cli.common import contact_argument
from worker.cli.propagation import propagate_now
from worker.context import Context
from worker.feedback.sources import consent_records, dispositions
from worker.feedback.sources.dispositions import poll_all
from worker.ops import doctor, doctor_checks, former_records
from worker.queries import search
from worker.queries.overview import overview
from worker.queue.schedule import beat_schedule
from worker.store import crm_accounts
from worker.store.tables import contact_numbers, contacts, lookups, poll_cursors, runs, watermarks
from worker.suppression.apply_reports import apply_pending
from worker.suppression.erasure import erase_contact, erase_number
from worker.suppression.evidence import number_evidence
from worker.sync.pages.runner import run_to_completion
from worker.sync.propagate import pending_connectors, propagate
from worker.sync.read.change_detection import decision_config_hash
from worker.sync.runs import lifecycle
from worker.sync.runs.scope import Scope
from worker.sync.undo import undo
from worker.web.hubspot.portal import Portal

EMEA = """
[connectors.salesforce-emea]
kind = "salesforce"
default_country = "DE"
[connectors.hubspot-emea]
kind = "hubspot"
"""
NOBODY = "+442079460999"
NAMES = ("salesforce", "hubspot", "salesforce-emea", "hubspot-emea")
Make = Callable[..., Context]


@pytest.fixture
def emea() -> Iterator[Sandbox]:
    """A second org and portal, which give the very same ids to other people: as a Salesforce
    sandbox that was copied from production."""
    started = Sandbox.start(contacts=20, leads=4, seed=8, portal_id=99)
    yield started
    started.stop()


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    started = Sandbox.start(contacts=20, leads=4)
    yield started
    started.stop()


@pytest.fixture
def env(sandbox: Sandbox, emea: Sandbox) -> dict[str, str]:
    return {**sandbox.env(), **emea.env(suffix="EMEA")}


@pytest.fixture
def ctx(make_context: Make, env: dict[str, str]) -> Context:
    return make_context(EMEA, **env)


@pytest.fixture
def crms(sandbox: Sandbox, emea: Sandbox) -> dict[str, Crm]:
    return Crm.all(sandbox) | Crm.all(emea, "-emea")


def everybody_holds(number: str, crms: dict[str, Crm]) -> dict[str, str]:
    """Give one contact of each CRM a number; the contacts' ids."""
    ids = {name: crm.ids()[0] for name, crm in crms.items()}
    for name, crm in crms.items():
        set_only_number(crm, ids[name], number)
    return ids


def ticked_in_emea(ctx: Context, crms: dict[str, Crm], sync: Sync) -> dict[str, str]:
    """All hold NUMBER, and somebody ticked *wrong number* in one org; the contacts' ids."""
    ids = everybody_holds(NUMBER, crms)
    for name in NAMES:
        sync(ctx, name)
    crms["salesforce-emea"].edit(ids["salesforce-emea"], {"wrong_number": True})
    sync(ctx, "salesforce-emea")
    settle(ctx)
    return ids


def holders(ctx: Context, record_id: str) -> set[str]:
    """The connections in which our index has a record with that id."""
    c = contacts.c
    with ctx.store.read() as connection:
        return set(connection.scalars(sa.select(c.connector).where(c.record_id == record_id)))


def settle(ctx: Context) -> None:
    apply_pending(ctx)
    for name in pending_connectors(ctx):
        propagate(ctx, name)


class TestOneListOfSuppressions:
    def test_a_stop_reaches_all_four(self, ctx: Context, crms: dict[str, Crm], sync: Sync) -> None:
        assert ctx.settings.active_connectors == (
            "salesforce", "hubspot", "salesforce-emea", "hubspot-emea",
        )  # fmt: skip
        ids = everybody_holds(NUMBER, crms)
        for name in NAMES:
            sync(ctx, name)
        store_report(ctx, "opt_out", NUMBER)
        settle(ctx)
        for name, crm in crms.items():
            assert crm.get(ids[name], "do_not_contact") is True, name
            assert crm.get(ids[name], crm.status) == "do_not_contact"

    def test_a_flag_that_somebody_ticks_in_one_org_reaches_the_other(
        self, ctx: Context, crms: dict[str, Crm], sync: Sync
    ) -> None:
        ids = ticked_in_emea(ctx, crms, sync)
        flagged = [name for name, crm in crms.items() if crm.get(ids[name], "wrong_number")]
        assert set(flagged) == set(NAMES)


class TestOneOrgDown:
    """The first one in the list, so that all others come after it."""

    def test_that_refuses_takes_nothing_from_the_others(
        self, ctx: Context, crms: dict[str, Crm], sync: Sync
    ) -> None:
        ids = everybody_holds(NUMBER, crms)
        for name in NAMES:
            sync(ctx, name)
        others = NAMES[1:]
        for name in others:  # an edit in each, and a report for all
            crms[name].edit(crms[name].ids()[1], {f"phone/{crms[name].phone}": OTHER})
        down = crms["salesforce"].fault(".*", "status", status=503, times=1000)
        store_report(ctx, "opt_out", NUMBER)
        with pytest.raises(ConnectorError, match=r"salesforce: .*503"):
            sync(ctx, "salesforce")
        for name in others:
            assert sync(ctx, name)["state"] == "done"
            assert crms[name].get(crms[name].ids()[1], f"e164/{crms[name].phone}") == OTHER
        settle(ctx)
        assert down.hits > 0
        assert all(crms[name].get(ids[name], "do_not_contact") for name in others)
        assert not crms["salesforce"].get(ids["salesforce"], "do_not_contact")
        crms["salesforce"].service.faults.clear()
        advance_clock(ctx, hours=1)
        settle(ctx)
        assert crms["salesforce"].get(ids["salesforce"], "do_not_contact") is True

    def test_that_hangs_holds_up_no_delivery_to_the_others(
        self, ctx: Context, crms: dict[str, Crm], sandbox: Sandbox, sync: Sync
    ) -> None:
        ids = everybody_holds(NUMBER, crms)
        for name in NAMES:
            sync(ctx, name)
        down = crms["salesforce"].fault(crms["salesforce"].read_call, "delay", seconds=300)
        store_report(ctx, "opt_out", NUMBER)
        with ThreadPoolExecutor(1) as thread:
            telling = thread.submit(propagate_now, ctx)
            until(lambda: all(crms[name].get(ids[name], "do_not_contact") for name in NAMES[1:]),
                  "all the others")  # fmt: skip
            assert (down.hits, telling.done()) == (1, False)
            sandbox.stop()  # its calls under way end
        assert "salesforce" not in [
            name for name, confirmed in telling.result()["confirmed"].items() if confirmed
        ]


class TestAConnectionThatIsOff:
    """Turned off, without its table or without its credentials: what is said meanwhile waits."""

    @pytest.fixture(params=["turned off", "not declared", "without credentials"])
    def off(
        self, request: pytest.FixtureRequest, make_context: Make, env: dict[str, str]
    ) -> Callable[[], Context]:
        """Open the context of an installation in which `hubspot-emea` is not connected."""
        toml = EMEA
        if request.param == "turned off":
            toml += "enabled = false\n"
        elif request.param == "not declared":
            toml = toml.partition("[connectors.hubspot-emea]")[0]
        else:
            env = {name: env[name] for name in env if not name.startswith("HUBSPOT_EMEA_")}
        return lambda: make_context(toml, **env)

    def test_hears_of_a_stop_as_soon_as_it_is_back(
        self, ctx: Context, off: Callable[[], Context], crms: dict[str, Crm], sync: Sync
    ) -> None:
        ids = everybody_holds(NUMBER, crms)
        for name in NAMES:
            sync(ctx, name)
        meanwhile = off()
        assert "hubspot-emea" not in meanwhile.settings.active_connectors
        store_report(meanwhile, "opt_out", NUMBER)
        settle(meanwhile)
        assert crms["hubspot"].get(ids["hubspot"], "do_not_contact") is True
        waiting = {
            entry["connector"]: entry["error"]
            for report in number_evidence(meanwhile, NUMBER)["reports"]
            for entry in report["delivered"]
            if entry["state"] == "pending"
        }
        assert waiting == {"hubspot-emea": "it was not connected when this came"}
        waits, holds = doctor_checks.check_connections_off(meanwhile)
        assert waits.text.startswith("hubspot-emea is not connected, and since ")
        assert "not been told 1 report: " in waits.text
        assert "drop-records hubspot-emea" in holds.text
        assert overview(meanwhile)["needs"]["untold"] == []  # nothing that anybody must see to
        settle(ctx)
        assert crms["hubspot-emea"].get(ids["hubspot-emea"], "do_not_contact") is True
        assert not list(doctor_checks.check_connections_off(ctx))

    def test_hears_what_was_said_of_a_record_of_its_own(
        self, ctx: Context, off: Callable[[], Context], crms: dict[str, Crm], sync: Sync
    ) -> None:
        ids = everybody_holds(NUMBER, crms)
        for name in NAMES:
            sync(ctx, name)
        contact = f"hubspot-emea/contacts/{ids['hubspot-emea']}"
        meanwhile = off()
        store_report(meanwhile, "opt_out", NUMBER, contact=contact, scope="contact")
        settle(meanwhile)
        settle(ctx)
        assert crms["hubspot-emea"].get(ids["hubspot-emea"], "do_not_contact") is True
        assert not crms["hubspot"].get(ids["hubspot"], "do_not_contact")

    def test_that_has_no_record_of_the_number_waits_for_nothing(
        self, ctx: Context, off: Callable[[], Context], sync: Sync
    ) -> None:
        for name in NAMES:
            sync(ctx, name)
        meanwhile = off()
        store_report(meanwhile, "opt_out", NOBODY)
        settle(meanwhile)
        (report,) = number_evidence(meanwhile, NOBODY)["reports"]
        assert {entry["state"] for entry in report["delivered"]} == {"done"}
        assert "hubspot-emea" not in {entry["connector"] for entry in report["delivered"]}

    def test_forgets_a_person_and_flags_what_its_crm_still_has_when_it_is_back(
        self, ctx: Context, off: Callable[[], Context], crms: dict[str, Crm], sync: Sync
    ) -> None:
        crm = crms["hubspot-emea"]
        record_id = crm.ids()[0]
        set_only_number(crm, record_id, OTHER)
        sync(ctx, crm.name)
        meanwhile = off()
        named = contact_argument(meanwhile, f"hubspot-emea:{record_id}")
        assert named == ("hubspot-emea", "contacts", record_id)
        erase_contact(meanwhile, *named, "an admin")
        settle(meanwhile)
        settle(ctx)
        assert crm.get(record_id, "do_not_contact") is True

    def test_is_told_apart_from_a_name_that_nobody_knows(self, off: Callable[[], Context]) -> None:
        for named in ("hubspot-emea:1", "hubspot-apac:1", "acme:1"):
            with pytest.raises(UsageError, match="write CONNECTOR:ID"):
                contact_argument(off(), named)


class TestOneAccountTwice:
    """By another token, or another address of the same org: each connection would take the other's
    writes for those of people."""

    @pytest.fixture(params=["salesforce", "hubspot"])
    def twice(
        self, request: pytest.FixtureRequest, make_context: Make, sandbox: Sandbox
    ) -> tuple[Context, str, str]:
        kind = str(request.param)
        env = sandbox.env()
        if kind == "hubspot":
            sandbox.hubspot.tokens.add("of a second private app")
            env |= {
                "HUBSPOT_EMEA_API_URL": env["HUBSPOT_API_URL"],
                "HUBSPOT_EMEA_ACCESS_TOKEN": "of a second private app",
            }
        else:
            for name in ("CLIENT_ID", "CLIENT_SECRET"):
                env[f"SALESFORCE_EMEA_{name}"] = env[f"SALESFORCE_{name}"]
            here = env["SALESFORCE_LOGIN_URL"]
            env["SALESFORCE_EMEA_LOGIN_URL"] = here.replace("127.0.0.1", "localhost")
        toml = f'[connectors.{kind}-emea]\nkind = "{kind}"\n'
        return make_context(toml, **env), kind, f"{kind}-emea"

    def test_is_refused_before_anything_is_read(
        self, twice: tuple[Context, str, str], sandbox: Sandbox, sync: Sync
    ) -> None:
        ctx, first, second = twice
        crm = Crm.all(sandbox)[first]
        record_id = crm.ids()[0]
        set_only_number(crm, record_id, NUMBER)
        sync(ctx, first)
        store_report(ctx, "opt_out", NUMBER)
        settle(ctx)
        assert crm.get(record_id, "do_not_contact") is True
        for _again in range(2):
            with pytest.raises(AuthError, match=f"{second}: its login goes to the same account"):
                ctx.connector(second)
        assert [report.source for report in stored_reports(ctx)] == ["test"]
        assert sync(ctx, first, "everything")["contacts"]["written"] == 0

    def test_is_refused_although_an_earlier_release_has_used_both(
        self, twice: tuple[Context, str, str]
    ) -> None:
        ctx, first, second = twice
        ctx.connector(first)
        account = ctx.open(first).account
        assert account
        crm_accounts.record(ctx.settings, ctx.store, second, account)
        with pytest.raises(AuthError, match=f"as {first} "):
            ctx.connector(second)
        assert ctx.connector(first).account == account

    def test_is_told_by_doctor(self, twice: tuple[Context, str, str]) -> None:
        ctx, first, second = twice
        ctx.connector(first)
        (problem,) = [
            check for check in doctor.examine(ctx.settings)
            if check.verdict == "problem" and check.name == second
        ]  # fmt: skip
        assert f"the same account as {first}" in problem.text


class TestOnePaidAnswer:
    def test_serves_all_four(
        self, make_context: Make, env: dict[str, str], sandbox: Sandbox, crms: dict[str, Crm],
        sync: Sync,
    ) -> None:  # fmt: skip
        ctx = make_context(EMEA, **{**env, **sandbox.env("twilio")})
        everybody_holds(NUMBER, crms)
        for name in NAMES:
            sync(ctx, name)
        with ctx.store.read() as connection:
            paid = sa.select(sa.func.count()).where(lookups.c.number == NUMBER)
            assert connection.scalar(paid) == 1


class TestTheSameIdInTwoOrgs:
    """Is of two people who have nothing to do with each other."""

    def test_is_told_apart_in_the_index_and_by_a_rescan(
        self, ctx: Context, crms: dict[str, Crm], sync: Sync
    ) -> None:
        here, there = crms["salesforce"], crms["salesforce-emea"]
        record_id = here.ids()[0]
        assert record_id in there.ids()
        here.edit(record_id, {"phone/Phone": NUMBER})
        there.edit(record_id, {"phone/Phone": OTHER})
        for name in ("salesforce", "salesforce-emea"):
            sync(ctx, name)
        n = contact_numbers.c
        query = sa.select(n.connector, n.number).where(n.record_id == record_id, n.field == "Phone")
        with ctx.store.read() as connection:
            assert set(connection.execute(query)) == {
                ("salesforce", NUMBER), ("salesforce-emea", OTHER),
            }  # fmt: skip
        store_report(ctx, "opt_out", NUMBER)
        settle(ctx)
        assert here.get(record_id, "do_not_contact") is True
        assert there.get(record_id, "do_not_contact") is not True

    def test_an_undo_touches_its_own_org_alone(
        self, ctx: Context, crms: dict[str, Crm], sync: Sync
    ) -> None:
        opened = {name: sync(ctx, name)["run"] for name in ("salesforce", "salesforce-emea")}
        before = crms["salesforce"].records()
        undo.undo(ctx, opened["salesforce-emea"])
        assert crms["salesforce"].records() == before
        there = crms["salesforce-emea"]
        assert not any(there.get(record_id, there.status) for record_id in there.ids())

    def test_an_undo_in_one_org_leaves_the_flag_that_came_from_the_other(
        self, ctx: Context, crms: dict[str, Crm], sync: Sync
    ) -> None:
        ids = ticked_in_emea(ctx, crms, sync)
        delivering = sa.select(runs.c.id).where(
            runs.c.connector == "salesforce", runs.c.kind == "reports"
        )
        with ctx.store.read() as connection:
            (delivered,) = connection.scalars(delivering)
        undo.undo(ctx, delivered)
        for name in ("salesforce", "salesforce-emea"):
            assert crms[name].get(ids[name], "wrong_number") is True, name

    def test_an_erasure_of_one_leaves_the_other(
        self, ctx: Context, crms: dict[str, Crm], sync: Sync
    ) -> None:
        here, there = crms["salesforce"], crms["salesforce-emea"]
        record_id = here.ids()[0]
        set_only_number(here, record_id, OTHER)
        set_only_number(there, record_id, NUMBER)
        for crm in (here, there):
            sync(ctx, crm.name)
        erase_contact(ctx, there.name, "Contact", record_id, "an admin")
        assert holders(ctx, record_id) == {"salesforce"}
        for crm in (here, there):
            sync(ctx, crm.name, "everything")
        settle(ctx)
        assert there.get(record_id, "do_not_contact") is True
        assert not here.get(record_id, "do_not_contact")

    def test_an_erasure_of_their_number_is_of_both(
        self, ctx: Context, crms: dict[str, Crm], sync: Sync
    ) -> None:
        ids = everybody_holds(NUMBER, crms)
        for name in NAMES:
            sync(ctx, name)
        erase_number(ctx, NUMBER, "an admin")
        assert not any(holders(ctx, record_id) for record_id in ids.values())
        for name in NAMES:
            sync(ctx, name, "everything")
        flagged = [name for name in NAMES if crms[name].get(ids[name], "do_not_contact")]
        assert flagged == list(NAMES)

    def test_the_address_of_a_record_finds_it_in_its_own_org(
        self, ctx: Context, crms: dict[str, Crm], sync: Sync
    ) -> None:
        for name in NAMES:
            sync(ctx, name)
        for name in ("salesforce-emea", "hubspot-emea"):
            crm = crms[name]
            address = ctx.open(name).record_url(crm.object, crm.ids()[0])
            assert [m.connector for m in search.find(ctx, address).records] == [name]
        by_id = search.find(ctx, crms["hubspot"].ids()[0]).records
        assert {match.connector for match in by_id} == {"hubspot", "hubspot-emea"}

    def test_a_merge_in_one_portal_says_nothing_of_the_other(
        self, ctx: Context, crms: dict[str, Crm], sync: Sync
    ) -> None:
        here, there = crms["hubspot"], crms["hubspot-emea"]
        kept, gone = there.ids()[:2]  # of the same two ids, in the other portal, nobody knows
        for crm in (here, there):
            crm.edit(gone, {f"phone/{crm.phone}": NUMBER if crm is there else OTHER})
            sync(ctx, crm.name)
        store_report(ctx, "opt_out", NUMBER)
        settle(ctx)
        survivor = merge(there, gone, kept)
        sync(ctx, "hubspot-emea", "everything")
        settle(ctx)
        sync(ctx, "hubspot", "everything")
        assert there.get(survivor, "do_not_contact") is True
        assert not any(here.get(record_id, "do_not_contact") for record_id in here.ids())


class TestEachConnection:
    def test_has_its_own_watermark_call_log_and_schedule(
        self, ctx: Context, crms: dict[str, Crm], sync: Sync
    ) -> None:
        sync(ctx, "salesforce-emea")
        poll_all(ctx)
        with ctx.store.read() as connection:
            assert set(connection.scalars(sa.select(watermarks.c.connector))) == {"salesforce-emea"}
            places = set(connection.scalars(sa.select(poll_cursors.c.name)))
        assert {f"calls:{name}" for name in NAMES} <= places
        assert {f"sync-{name}" for name in NAMES} <= beat_schedule(ctx.settings).keys()

    def test_may_have_a_schedule_and_pages_that_decide_nothing_anew(
        self, ctx: Context, make_context: Make, env: dict[str, str]
    ) -> None:
        own = '[connectors.hubspot-emea.sync]\nevery = "5m"\npage_contacts = 7\n'
        changed = make_context(EMEA + own, **env)
        plan = beat_schedule(changed.settings)
        assert (plan["sync-hubspot-emea"]["schedule"], plan["sync-hubspot"]["schedule"]) == (
            300.0, 900.0,
        )  # fmt: skip
        assert changed.settings.sync_of("hubspot-emea").page_contacts == 7
        hashes = {decision_config_hash(of, "hubspot-emea") for of in (ctx, changed)}
        assert len(hashes) == 1

    def test_has_its_own_quota(self, ctx: Context, sync: Sync) -> None:
        opened = ctx.connector("hubspot-emea")
        used_up = Remaining(remaining=1, limit=100, seconds=86_400.0)
        ctx.quotas["hubspot-emea"].record(Limits(day=used_up))
        with pytest.raises(QuotaError, match=r"connectors\.hubspot-emea\.api_reserve"):
            next(iter(opened.read("contacts")))
        assert sync(ctx, "hubspot")["state"] == "done"

    def test_has_its_own_country(self, ctx: Context, crms: dict[str, Crm], sync: Sync) -> None:
        crm = crms["salesforce-emea"]
        record_id = crm.ids()[0]
        crm.act(record_id, {"set": {"Phone": "030 901820", "MailingCountry": None}})
        sync(ctx, crm.name)
        assert crm.get(record_id, "e164/Phone") == "+4930901820"

    def test_is_named_in_errors_with_its_own_variables(
        self, make_context: Make, env: dict[str, str]
    ) -> None:
        ctx = make_context(EMEA, **{**env, "HUBSPOT_EMEA_ACCESS_TOKEN": "wrong"})
        with pytest.raises(ConnectorError) as caught:
            ctx.connector("hubspot-emea")
        assert str(caught.value).startswith("hubspot-emea: HUBSPOT_EMEA_ACCESS_TOKEN was not")
        ctx.connector("hubspot")

    def test_is_named_in_what_its_connector_logs(
        self, ctx: Context, crms: dict[str, Crm], emea: Sandbox, sync: Sync,
        monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    ) -> None:  # fmt: skip
        monkeypatch.setattr(logging.getLogger(), "handlers", [])
        logging_setup.set_up(Log(level="warning"))
        assert crms["salesforce-emea"].service is emea.salesforce
        emea.salesforce.org.automation.trigger_takes = 5
        sync(ctx, "salesforce-emea")
        stderr = capsys.readouterr().err
        assert "salesforce-emea: triggers or flows of Contact" in stderr
        assert "salesforce: " not in stderr

    def test_stands_in_the_overview_by_its_name(self, ctx: Context, sync: Sync) -> None:
        sync(ctx, "hubspot-emea")
        assert tuple(entry["name"] for entry in overview(ctx)["connectors"]) == NAMES


def test_an_installation_of_before_goes_on_with_a_second_org_beside_it(
    make_context: Make, sandbox: Sandbox, env: dict[str, str], sync: Sync
) -> None:
    """Nothing has to be migrated: names, watermarks, a run under way and what is unchanged stay."""
    before = make_context(**sandbox.env())
    for name in ("salesforce", "hubspot"):
        sync(before, name)
    with before.store.read() as connection:
        marks = set(connection.execute(sa.select(watermarks.c.connector, watermarks.c.position)))
    under_way = lifecycle.open_run(before, "hubspot", Scope("everything"))
    after = make_context(EMEA, **env)
    run_to_completion(after, under_way)
    assert lifecycle.load(after, under_way).state == "done"
    for name in ("salesforce", "hubspot"):
        result = sync(after, name, "everything")
        assert result["contacts"]["written"] == 0
        assert result["contacts"]["unchanged"] == result["contacts"]["read"] > 0
    with after.store.read() as connection:
        names = set(connection.scalars(sa.select(watermarks.c.connector)))
        assert names == {name for name, _position in marks}
    assert sync(after, "salesforce-emea")["contacts"]["written"] > 0


class TestAnotherAccountUnderAKnownName:
    """Ids mean other people there: what our index knows of a record would be taken for theirs, and
    flags that are not set for what somebody has cleared."""

    @pytest.fixture
    def ids(self, ctx: Context, crms: dict[str, Crm], sync: Sync) -> dict[str, str]:
        """Everybody who holds NUMBER has said stop, in all four CRMs."""
        ids = everybody_holds(NUMBER, crms)
        for name in NAMES:
            sync(ctx, name)
        for name in NAMES:
            store_report(ctx, "opt_out", NUMBER, key=name, scope="contact",
                         contact=f"{name}/{crms[name].object}/{ids[name]}")  # fmt: skip
        settle(ctx)
        return ids

    @pytest.fixture(params=["hubspot", "salesforce"])
    def swapped(
        self, request: pytest.FixtureRequest, make_context: Make, env: dict[str, str],
        sandbox: Sandbox, emea: Sandbox, ctx: Context, ids: dict[str, str],
    ) -> tuple[Context, str]:  # fmt: skip
        """The same installation after somebody has mixed up two connections' credentials."""
        kind = request.param
        first, second = kind.upper(), f"{kind.upper()}_EMEA"
        changed = dict(env)
        sandbox.hubspot.tokens.add("of a new app")  # stand-ins have the same one at first
        emea.hubspot.tokens.add("of an app of emea")
        env |= {"HUBSPOT_ACCESS_TOKEN": "of a new app",
                "HUBSPOT_EMEA_ACCESS_TOKEN": "of an app of emea"}  # fmt: skip
        for name, value in env.items():
            if name.startswith(f"{second}_"):
                other = first + name.removeprefix(second)
                changed[other], changed[name] = value, env[other]
        return make_context(EMEA, **changed, DATABASE_URL=ctx.settings.database_url), kind

    def test_is_refused_before_anything_is_read_or_written(
        self, swapped: tuple[Context, str], crms: dict[str, Crm], ids: dict[str, str], sync: Sync
    ) -> None:
        ctx, kind = swapped
        before = {name: crm.snapshot() for name, crm in crms.items()}
        said = len(stored_reports(ctx))
        for name in (kind, f"{kind}-emea"):
            for scope in ("changed", "everything"):
                with pytest.raises(AuthError, match=f"{name} goes to another account"):
                    sync(ctx, name, scope)
            with pytest.raises(AuthError, match="another account"):  # of its calls
                dispositions.poll(ctx, name)
            with pytest.raises(AuthError, match="another account"):
                consent_records.poll(ctx, name)
        store_report(ctx, "wrong_number", NUMBER, key="later")
        settle(ctx)  # waits for these two, and reaches the others
        others = [name for name in NAMES if not name.startswith(kind)]
        for name, crm in crms.items():
            after = crm.snapshot()
            assert (after == before[name]) == (name not in others), name
        assert len(stored_reports(ctx)) == said + 1  # nobody is taken to have said a thing

    @pytest.mark.parametrize("swapped", ["hubspot"], indirect=True)
    def test_takes_no_webhook_of_the_other_account(
        self, swapped: tuple[Context, str], ctx: Context
    ) -> None:
        mixed, _kind = swapped
        for name in ("hubspot", "hubspot-emea"):
            assert Portal(mixed, name).learn() is None
            assert Portal(mixed, name).known() is None
            assert Portal(ctx, name).learn() is not None

    def test_is_told_by_doctor_and_over_once_the_credentials_are_right(
        self, swapped: tuple[Context, str], ctx: Context, crms: dict[str, Crm],
        ids: dict[str, str], sync: Sync,
    ) -> None:  # fmt: skip
        mixed, kind = swapped
        texts = [check.text for name in (kind, f"{kind}-emea")
                 for check in doctor._connector(mixed, name)]  # fmt: skip
        assert all("under a name of its own" in text for text in texts)
        for name in NAMES:
            sync(ctx, name)
            assert crms[name].get(ids[name], "do_not_contact") is True


def test_the_only_connection_is_told_from_another_account_too(
    make_context: Make, sandbox: Sandbox, emea: Sandbox, sync: Sync
) -> None:
    """A trial with a sandbox of the org, and then production under the same name."""
    ctx = make_context("", **sandbox.env())
    crms, others = Crm.all(sandbox), Crm.all(emea)
    for name, crm in crms.items():
        set_only_number(crm, crm.ids()[0], NUMBER)
        sync(ctx, name)
        store_report(ctx, "opt_out", NUMBER, key=name, scope="contact",
                     contact=f"{name}/{crm.object}/{crm.ids()[0]}")  # fmt: skip
    settle(ctx)
    emea.hubspot.tokens.add("of an app of emea")
    env = emea.env() | {"HUBSPOT_ACCESS_TOKEN": "of an app of emea"}
    moved = make_context("", **env, DATABASE_URL=ctx.settings.database_url)
    for name, crm in others.items():
        before = crm.snapshot()
        with pytest.raises(AuthError, match=f"{name} goes to another account"):
            sync(moved, name)
        assert crm.snapshot() == before
    assert {row.kind for row in stored_reports(ctx)} == {"opt_out"}


class TestAConnectionUnderAnotherName:
    """Its account is the same: all of it is read as new, and nobody who said no is contacted."""

    @pytest.fixture
    def renamed(
        self, make_context: Make, env: dict[str, str], ctx: Context
    ) -> Callable[[], Context]:
        """Open the context of the installation after `hubspot-emea` has become `hubspot-dach`."""
        there = {name.replace("HUBSPOT_EMEA_", "HUBSPOT_DACH_"): text for name, text in env.items()}
        toml = EMEA.replace("hubspot-emea", "hubspot-dach")
        return lambda: make_context(toml, **there, DATABASE_URL=ctx.settings.database_url)

    @pytest.mark.parametrize("dropped", [False, True])
    @pytest.mark.parametrize("scope", ["contact", "person", ""])
    def test_keeps_whoever_said_no(
        self, ctx: Context, crms: dict[str, Crm], sync: Sync, renamed: Callable[[], Context],
        scope: str, dropped: bool,
    ) -> None:  # fmt: skip
        ids = everybody_holds(NUMBER, crms)
        for name in NAMES:
            sync(ctx, name)
        crm, record = crms["hubspot-emea"], ids["hubspot-emea"]
        about = {"contact": f"hubspot-emea/contacts/{record}", "scope": scope} if scope else {}
        store_report(ctx, "opt_out", NUMBER, **about)
        settle(ctx)
        assert crm.get(record, "do_not_contact") is True
        now = renamed()
        if dropped:
            list(former_records.drop(now, "hubspot-emea", "", "an admin"))
        for _ in range(2):
            sync(now, "hubspot-dach")
            settle(now)
        assert crm.get(record, "do_not_contact") is True
        advance_clock(now, days=1)
        crm.edit(record, {f"phone/{crm.phone}": NUMBER})
        sync(now, "hubspot-dach", "everything")
        settle(now)
        assert crm.get(record, "do_not_contact") is True

    def test_an_undo_of_a_run_under_the_former_name_is_refused(
        self, ctx: Context, crms: dict[str, Crm], sync: Sync, renamed: Callable[[], Context]
    ) -> None:
        ids = everybody_holds(NUMBER, crms)
        store_report(ctx, "opt_out", NUMBER)
        settle(ctx)
        run = sync(ctx, "hubspot-emea")
        crm = crms["hubspot-emea"]
        assert crm.get(ids["hubspot-emea"], "do_not_contact") is True
        with pytest.raises(HygieneError, match="hubspot-emea"):
            undo.undo(renamed(), run["run"])
        assert crm.get(ids["hubspot-emea"], "do_not_contact") is True

    def test_and_back_again_loses_nothing(
        self, ctx: Context, crms: dict[str, Crm], sync: Sync, renamed: Callable[[], Context]
    ) -> None:
        ids = everybody_holds(NUMBER, crms)
        for name in NAMES:
            sync(ctx, name)
        now = renamed()
        sync(now, "hubspot-dach")
        store_report(now, "opt_out", NUMBER, contact=f"hubspot-dach/contacts/{ids['hubspot-emea']}",
                     scope="contact")  # fmt: skip
        settle(now)
        crm = crms["hubspot-emea"]
        assert crm.get(ids["hubspot-emea"], "do_not_contact") is True
        for scope in ("changed", "everything"):
            sync(ctx, "hubspot-emea", scope)
            settle(ctx)
            assert crm.get(ids["hubspot-emea"], "do_not_contact") is True
