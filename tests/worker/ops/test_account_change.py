"""A connection can take another account of its CRM for good, as production after a trial: nothing
that somebody said is lost, and nothing that was said of a record of the former account is taken for
the record of the new one that happens to have the same id."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
import sqlalchemy as sa
from agents import Agent
from click.testing import CliRunner, Result
from clocks import advance_clock
from constants import NUMBER, OTHER
from crms import Crm
from fixture_types import Sync
from merging import set_only_number
from reports import report_kinds, store_report, stored_reports

from config.errors import HygieneError
from connectors.errors import AuthError
from connectors.hubspot.connector import HubSpotConnector
from sandbox.run import Sandbox
from worker.access import audit
from worker.asking import links
from worker.asking.model import MessageState
from worker.cli.main import main
from worker.context import Context
from worker.feedback.sources import dispositions
from worker.feedback.sources.submitted_reports import ContactRef, Report, to_feedback
from worker.ops import account_change, doctor, former_records
from worker.ops.account_change import AccountChangeError
from worker.queries import timeline
from worker.store import crm_accounts, former_account, tables
from worker.store.states import RunState
from worker.suppression import confirm_links
from worker.suppression.apply_reports import apply_pending
from worker.sync.propagate import propagate
from worker.sync.runs import control, lifecycle, reader_lease
from worker.sync.runs.model import RunActiveError
from worker.sync.runs.scope import Scope
from worker.sync.undo import undo

Make = Callable[..., Context]
THIRD = "+442079460777"
TOKEN = "of production's app"  # stand-ins have the same one at first


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    started = Sandbox.start(contacts=12, leads=2)
    yield started
    started.stop()


@pytest.fixture
def production() -> Iterator[Sandbox]:
    """Another org and another portal, which give the same ids to other people."""
    started = Sandbox.start(contacts=12, leads=2, seed=8, portal_id=99)
    started.hubspot.tokens.add(TOKEN)
    yield started
    started.stop()


@pytest.fixture(params=["hubspot", "salesforce"])
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def trial(make_context: Make, database_url: str) -> Context:
    return make_context(DATABASE_URL=database_url)


@pytest.fixture
def moved(make_context: Make, production: Sandbox, trial: Context) -> Context:
    """The same installation with production's credentials under the same names."""
    env = production.env() | {"HUBSPOT_ACCESS_TOKEN": TOKEN}
    return make_context(**env, DATABASE_URL=trial.settings.database_url)


@pytest.fixture
def old(sandbox: Sandbox, name: str) -> Crm:
    return Crm.all(sandbox)[name]


@pytest.fixture
def new(production: Sandbox, name: str) -> Crm:
    return Crm.all(production)[name]


def change(ctx: Context, name: str) -> account_change.Dropped:
    return list(account_change.execute(ctx, account_change.plan(ctx, name), "an admin"))[-1]


def settle(ctx: Context, name: str) -> None:
    apply_pending(ctx)
    propagate(ctx, name)


def in_force(ctx: Context) -> set[tuple[str, str, str]]:
    with ctx.store.read() as connection:
        s = tables.suppressions.c
        query = sa.select(s.key, s.number, s.channels).where(s.lifted_at.is_(None))
        return {tuple(row) for row in connection.execute(query)}


def same_id(old: Crm, new: Crm) -> str:
    """An id that stands for a person in each account; the new one holds another number."""
    record_id = old.ids()[0]
    assert record_id in new.ids()
    set_only_number(old, record_id, NUMBER)
    set_only_number(new, record_id, OTHER)
    return record_id


class TestTheWay:
    def test_is_named_by_the_refusal_and_by_doctor_and_leads_on(
        self, trial: Context, moved: Context, old: Crm, new: Crm, name: str, sync: Sync
    ) -> None:
        record_id = same_id(old, new)
        set_only_number(new, new.ids()[1], NUMBER)
        sync(trial, name)
        store_report(trial, "opt_out", NUMBER)
        settle(trial, name)
        assert old.get(record_id, "do_not_contact") is True
        command = f"hygiene crm change-account {name}"
        with pytest.raises(AuthError, match=f"{command} --dry-run"):
            sync(moved, name)
        assert any(command in check.text for check in doctor._connector(moved, name))
        before, said = old.snapshot(), in_force(trial)
        change(moved, name)
        assert sync(moved, name)["state"] == "done"
        settle(moved, name)
        assert old.snapshot() == before
        assert in_force(moved) == said
        assert new.get(new.ids()[1], "do_not_contact") is True
        assert not new.get(record_id, "do_not_contact")
        assert sync(moved, name, "everything")["contacts"]["written"] == 0

    def test_stands_in_the_audit_log(
        self, trial: Context, moved: Context, old: Crm, name: str, sync: Sync
    ) -> None:
        sync(trial, name)
        held = len(old.ids())
        accounts = (crm_accounts.of_records(trial.store, name), moved.open(name).account_id())
        change(moved, name)
        entries = {e["action"]: e for e in audit.entries(moved.store)}
        assert entries["crm.change_account"]["target"] == f"{name}: {' -> '.join(accounts)}"
        assert entries["crm.change_account"]["who"] == "an admin"
        assert entries["crm.drop_records"]["target"].startswith(f"{name}: ")
        assert held > 0

    def test_is_refused_where_it_leads_nowhere(
        self, trial: Context, moved: Context, make_context: Make, production: Sandbox, name: str,
        sync: Sync,
    ) -> None:  # fmt: skip
        sync(trial, name)
        with pytest.raises(AccountChangeError, match="nothing to change"):
            change(trial, name)
        toml = f'[connectors.{name}-emea]\nkind = "{name}"\n'
        env = production.env() | {"HUBSPOT_ACCESS_TOKEN": TOKEN}
        both = make_context(toml, **env, DATABASE_URL=trial.settings.database_url)
        crm_accounts.settle(both.store, f"{name}-emea", moved.open(name).account_id())
        with pytest.raises(AccountChangeError, match=f"that of {name}-emea"):
            change(both, name)

    def test_of_a_list_on_disk_is_none(self, trial: Context) -> None:
        with pytest.raises(AccountChangeError, match="list on disk"):
            account_change.plan(trial, "csv")


class TestWhatPeopleSaid:
    def test_of_one_record_is_not_said_of_the_one_with_its_id(
        self, trial: Context, moved: Context, old: Crm, new: Crm, name: str, sync: Sync
    ) -> None:
        """Neither what stops contact, nor what allows it."""
        record_id = same_id(old, new)
        other = old.ids()[1]
        set_only_number(new, other, THIRD)
        sync(trial, name)
        for kind, on in (("opt_out", record_id), ("confirmed", other)):
            store_report(trial, kind, NUMBER, contact=f"{name}/{old.object}/{on}", scope="contact")
        settle(trial, name)
        change(moved, name)
        store_report(moved, "wrong_number", THIRD)
        sync(moved, name)
        settle(moved, name)
        assert not new.get(record_id, "do_not_contact")
        assert new.get(other, "wrong_number") is True
        of_records = {row.contact for row in stored_reports(moved) if row.contact}
        assert of_records == {f"{name}@1/{old.object}/{on}" for on in (record_id, other)}

    @pytest.mark.parametrize("scope", ["contact", "person"])
    def test_against_contact_holds_for_whoever_has_the_number_until_an_opt_in(
        self, trial: Context, moved: Context, old: Crm, new: Crm, name: str, sync: Sync, scope: str
    ) -> None:
        """Who said it on a record of a trial may well be in production, without a known email."""
        record_id = same_id(old, new)
        holder = new.ids()[2]
        set_only_number(new, holder, NUMBER)
        sync(trial, name)
        about = {"contact": f"{name}/{old.object}/{record_id}", "scope": scope}
        store_report(trial, "opt_out", NUMBER, **about)
        settle(trial, name)
        said = in_force(trial)
        change(moved, name)
        sync(moved, name)
        settle(moved, name)
        assert in_force(moved) == said
        assert new.get(holder, "do_not_contact") is True
        advance_clock(moved, hours=1)
        new.edit(holder, {"do_not_contact": False})
        sync(moved, name)
        settle(moved, name)
        assert not new.get(holder, "do_not_contact")

    def test_and_took_back_there_holds_for_nobody(
        self, trial: Context, moved: Context, old: Crm, new: Crm, name: str, sync: Sync
    ) -> None:
        record_id = same_id(old, new)
        holder = new.ids()[2]
        set_only_number(new, holder, NUMBER)
        sync(trial, name)
        about = {"contact": f"{name}/{old.object}/{record_id}", "scope": "contact"}
        store_report(trial, "opt_out", NUMBER, **about)
        advance_clock(trial, hours=1)
        store_report(trial, "opt_in", NUMBER, **about)
        settle(trial, name)
        change(moved, name)
        moved.now = trial.now
        sync(moved, name)
        assert not new.get(holder, "do_not_contact")

    def test_in_the_new_crm_before_its_first_sync_counts(
        self, trial: Context, moved: Context, old: Crm, new: Crm, name: str, sync: Sync
    ) -> None:
        """Our own flag on the record of the trial with this id is another one."""
        record_id = same_id(old, new)
        sync(trial, name)
        store_report(trial, "opt_out", NUMBER)
        settle(trial, name)
        assert old.get(record_id, "do_not_contact") is True
        new.edit(record_id, {"do_not_contact": True})
        change(moved, name)
        for _ in range(2):
            sync(moved, name)
            settle(moved, name)
        assert new.get(record_id, "do_not_contact") is True
        [ticked] = [row for row in stored_reports(moved) if row.number == OTHER]
        assert ticked.source == f"{name} user"

    def test_about_a_call_with_the_id_of_one_of_the_trial_counts(
        self, trial: Context, moved: Context, old: Crm, new: Crm, name: str, sandbox: Sandbox,
        production: Sandbox, sync: Sync,
    ) -> None:  # fmt: skip
        record_id = same_id(old, new)
        set_only_number(new, record_id, NUMBER)
        sync(trial, name)
        Agent(sandbox, old).log_call(record_id, "Wrong number")
        dispositions.poll(trial, name)
        settle(trial, name)
        Agent(production, new).log_call(record_id, "Wrong number")
        change(moved, name)
        sync(moved, name)
        dispositions.poll(moved, name)
        contacts = [row.contact for row in stored_reports(moved)]
        assert contacts == [
            f"{name}@1/{old.object}/{record_id}",
            f"{name}/{new.object}/{record_id}",
        ]

    def test_shows_in_the_story_of_the_number(
        self, trial: Context, moved: Context, old: Crm, new: Crm, name: str, sync: Sync
    ) -> None:
        record_id = same_id(old, new)
        sync(trial, name)
        store_report(trial, "opt_out", NUMBER, contact=f"{name}/{old.object}/{record_id}")
        settle(trial, name)
        change(moved, name)
        story = timeline.number_timeline(moved, NUMBER)
        assert [report["kind"] for report in story["reports"]] == ["opt_out"]
        [told] = [d for d in story["reports"][0]["delivered"] if d["connector"] == f"{name}@1"]
        assert told["state"] == "done"


class TestWhatComesLate:
    def test_from_a_process_with_the_former_login_is_refused(
        self, trial: Context, moved: Context, old: Crm, new: Crm, name: str, sandbox: Sandbox,
        sync: Sync,
    ) -> None:  # fmt: skip
        """It was not restarted, and has the connection open."""
        record_id = same_id(old, new)
        sync(trial, name)
        change(moved, name)
        sync(moved, name)
        before, said = old.snapshot(), len(stored_reports(moved))
        old.edit(record_id, {"do_not_contact": True})
        Agent(sandbox, old).log_call(record_id, "Wrong number")
        for work in (lambda: sync(trial, name), lambda: dispositions.poll(trial, name)):
            with pytest.raises(AuthError, match="another account"):
                work()
        store_report(trial, "opt_out", OTHER)
        settle(trial, name)  # waits for a process with the right login
        settle(moved, name)
        assert new.get(record_id, "do_not_contact") is True
        assert len(stored_reports(moved)) == said + 1
        changed = {key for key, of in old.snapshot().items() if of != before[key]}
        assert changed == {record_id}

    def test_undoes_and_resumes_no_run_of_the_former_account(
        self, trial: Context, moved: Context, old: Crm, new: Crm, name: str, sync: Sync
    ) -> None:
        same_id(old, new)
        done = sync(trial, name)["run"]
        stopped = lifecycle.open_run(trial, name, Scope("everything"))
        lifecycle.stop(trial, stopped)
        change(moved, name)
        sync(moved, name)
        for ctx, crm in ((trial, old), (moved, new)):
            before = crm.snapshot()
            with pytest.raises(
                HygieneError, match=f"{name}@1 is an account that {name} went to before"
            ):
                undo.undo(ctx, done)
            assert lifecycle.find_resumable(ctx, name) is None
            assert crm.snapshot() == before

    def test_by_a_link_to_a_page_of_the_former_record_says_nothing_of_the_new_one(
        self, trial: Context, moved: Context, old: Crm, new: Crm, name: str, sync: Sync
    ) -> None:
        """Even where it has the same number."""
        record_id = same_id(old, new)
        set_only_number(new, record_id, NUMBER)
        sync(trial, name)
        contact = f"{name}/{old.object}/{record_id}"
        life = timedelta(days=30)
        token = confirm_links.create_token(trial.keys, contact, NUMBER, trial.now(), life)
        change(moved, name)
        sync(moved, name)

        def now_of(token: str) -> str:
            link = confirm_links.read_token(moved.keys, token, moved.now())
            with moved.store.read() as connection:
                return crm_accounts.name_now(connection, link.connector)

        assert now_of(token) == f"{name}@1"
        with moved.store.read() as connection:
            lasting = crm_accounts.lasting_name(connection, name)
        assert lasting == f"{name}@2"
        fresh = confirm_links.create_token(
            moved.keys, contact.replace(name, lasting, 1), NUMBER, moved.now(), life
        )
        assert now_of(fresh) == name


class TestBeforeTheChange:
    def test_a_report_by_the_api_about_a_record_is_refused(
        self, trial: Context, moved: Context, old: Crm, name: str, sync: Sync
    ) -> None:
        """Nobody knows which account's record is meant; the sender is told, and sends it again."""
        sync(trial, name)
        with pytest.raises(AuthError):
            sync(moved, name)
        for object_name in ("", old.object):
            contact = ContactRef(connector=name, id=old.ids()[0], object=object_name)
            with pytest.raises(AuthError, match="goes to another account now"):
                to_feedback(moved, Report(kind="opt_out", contact=contact))


class TestWorkUnderWay:
    def test_is_waited_for(self, trial: Context, moved: Context, name: str, sync: Sync) -> None:
        sync(trial, name)
        run = lifecycle.open_run(trial, name, Scope("everything"))
        assert reader_lease.claim(trial, run)
        with pytest.raises(RunActiveError, match=f"hygiene runs show {run}"):
            change(moved, name)
        assert crm_accounts.of_records(moved.store, name) != crm_accounts.BEING_CHANGED

    def test_that_somebody_paused_is_theirs_to_end(
        self, trial: Context, moved: Context, name: str, sync: Sync
    ) -> None:
        sync(trial, name)
        run = lifecycle.open_run(trial, name, Scope("everything"))
        control.pause(trial, run, "kim")
        with pytest.raises(AccountChangeError, match=f"hygiene runs cancel {run}"):
            change(moved, name)
        control.cancel(trial, run, "kim")
        change(moved, name)

    def test_whose_process_died_ends(
        self, trial: Context, moved: Context, new: Crm, name: str, sync: Sync
    ) -> None:
        sync(trial, name)
        run = lifecycle.open_run(trial, name, Scope("everything"))
        change(moved, name)
        assert lifecycle.load(moved, run).state == RunState.CANCELLED
        assert sync(moved, name)["contacts"]["read"] >= len(new.ids())

    def test_begins_with_neither_login_before_the_change_is_finished(
        self, trial: Context, moved: Context, name: str, sync: Sync
    ) -> None:
        sync(trial, name)
        next(account_change.execute(moved, account_change.plan(moved, name), "an admin"))
        for ctx in (trial, moved):
            with pytest.raises(AuthError, match=f"hygiene crm change-account {name} --yes"):
                sync(ctx, name)


class TestAChangeThatWasStopped:
    @pytest.fixture
    def stopped(
        self, trial: Context, moved: Context, old: Crm, new: Crm, name: str, sync: Sync,
        monkeypatch: pytest.MonkeyPatch,
    ) -> Callable[[int], None]:  # fmt: skip
        """Stop it behind so many steps."""
        monkeypatch.setattr(former_records, "_AT_ONCE", 4)
        monkeypatch.setattr(former_account, "_AT_ONCE", 4)
        record_id = same_id(old, new)
        sync(trial, name)
        store_report(trial, "opt_out", NUMBER, contact=f"{name}/{old.object}/{record_id}",
                     scope="contact")  # fmt: skip
        settle(trial, name)

        def stop(behind: int) -> None:
            steps = account_change.execute(moved, account_change.plan(moved, name), "an admin")
            for _ in range(behind):
                next(steps)
            steps.close()

        return stop

    @pytest.mark.parametrize("behind", [1, 3, 6])
    def test_is_finished_by_the_same_command(
        self, moved: Context, old: Crm, new: Crm, name: str, sync: Sync,
        stopped: Callable[[int], None], behind: int,
    ) -> None:  # fmt: skip
        stopped(behind)
        change(moved, name)
        sync(moved, name)
        record_id = old.ids()[0]
        assert not new.get(record_id, "do_not_contact")
        assert leftovers(moved, name, of_former_account=True) == {}

    @pytest.mark.parametrize("behind", [1, 6])
    def test_is_taken_back_with_the_former_credentials(
        self, trial: Context, old: Crm, name: str, sync: Sync,
        stopped: Callable[[int], None], behind: int,
    ) -> None:  # fmt: skip
        kinds = report_kinds(trial)
        stopped(behind)
        change(trial, name)
        sync(trial, name)
        settle(trial, name)
        assert old.get(old.ids()[0], "do_not_contact") is True
        assert report_kinds(trial) == kinds
        with trial.store.read() as connection:
            named = set(connection.scalars(sa.select(tables.writes.c.connector)))
        assert f"{name}@1" not in named


class TestWhatTheCommandSaysOfAChangeThatWasStopped:
    @pytest.fixture
    def run(
        self, production: Sandbox, sandbox: Sandbox, trial: Context,
        monkeypatch: pytest.MonkeyPatch,
    ) -> Callable[..., Result]:  # fmt: skip
        def invoke(stands: Sandbox, *args: str) -> Result:
            token = {"HUBSPOT_ACCESS_TOKEN": TOKEN} if stands is production else {}
            home, database = str(trial.settings.home), trial.settings.database_url
            env = {**stands.env(), **token, "HYGIENE_HOME": home, "DATABASE_URL": database}
            for key, value in env.items():
                monkeypatch.setenv(key, value)
            return CliRunner().invoke(main, ["crm", "change-account", *args])

        return invoke

    @pytest.fixture(autouse=True)
    def stopped(self, trial: Context, moved: Context, name: str, sync: Sync) -> None:
        sync(trial, name)
        steps = account_change.execute(moved, account_change.plan(moved, name), "an admin")
        next(steps)
        steps.close()

    def test_with_the_new_credentials_it_goes_on(
        self, run: Callable[..., Result], production: Sandbox, name: str
    ) -> None:
        said = run(production, name, "--dry-run").stdout
        assert "as begun before" in said
        assert f"under the name {name}@1" in said

    def test_with_the_former_ones_it_is_taken_back(
        self, run: Callable[..., Result], sandbox: Sandbox, name: str
    ) -> None:
        dry = run(sandbox, name, "--dry-run").stdout
        assert f"{name} stays with" in dry
        assert "taken back" in dry
        assert f"{name}@1" not in dry
        done = run(sandbox, name, "--yes")
        assert done.exit_code == 0, done.stderr
        assert f"next: hygiene sync {name}" in done.stderr

    def test_both_ways_out_are_named_by_whoever_opens_the_connection(
        self, moved: Context, name: str
    ) -> None:
        with pytest.raises(AuthError) as refused:
            moved.connector(name, fresh=True)
        assert "to finish it, or with the former account's credentials" in str(refused.value)


def leftovers(ctx: Context, name: str, of_former_account: bool) -> dict[str, int]:
    """Rows that name the connection, or a record of it, by table and column. Looks through all
    columns of text, so that no table that comes later is forgotten.

    `of_former_account`: without those that the new account may have by now.
    """
    kept = {
        "audit_log.target", "audit_log.why", "segment_history.connector", "daily_counts.connector",
        "segment_counts.connector",  # counted anew
        "installation.name", "installation.value", "api_tokens.name",
    }  # fmt: skip
    found: dict[str, int] = {}
    with ctx.store.read() as connection:
        for table in tables.metadata.sorted_tables:
            for column in table.columns:
                where = f"{table.name}.{column.name}"
                if not isinstance(column.type, (sa.String, sa.Text)) or where in kept:
                    continue
                names = sa.or_(column == name, column.startswith(f"{name}/"))
                query = sa.select(sa.func.count()).select_from(table).where(names)
                if count := connection.scalar(query):
                    found[where] = count
    if of_former_account:
        of_index = ("contact", "watermarks", "schemas", "runs", "writes", "polls", "isolations",
                    "duplicate", "list_members", "former_readings", "segment")  # fmt: skip
        found = {where: n for where, n in found.items() if not where.startswith(of_index)}
    return found


def test_no_table_names_the_former_account_by_the_connections_name(
    make_context: Make, production: Sandbox, sandbox: Sandbox, either_database_url: str, name: str,
    sync: Sync,
) -> None:  # fmt: skip
    ctx = make_context(DATABASE_URL=either_database_url)
    old = Crm.all(sandbox)[name]
    ids = old.ids()
    set_only_number(old, ids[0], NUMBER)
    set_only_number(old, ids[1], OTHER)
    sync(ctx, name)
    Agent(sandbox, old).log_call(ids[1], "Wrong number", OTHER)
    dispositions.poll(ctx, name)
    old.edit(ids[2], {"do_not_contact": True})
    old.edit(ids[3], {f"phone/{old.phone}": "do not call 020 7946 0777"})
    sync(ctx, name)
    old.act(ids[4], {"merge_into": ids[2]})
    sync(ctx, name, "everything")
    settle(ctx, name)
    with ctx.store.write() as connection:
        row = {
            "campaign_id": 1, "connector": name, "object": old.object, "record_id": ids[0],
            "recipient": f"{name}/{old.object}/{ids[0]}", "number": NUMBER,
            "state": MessageState.SENT, "reason": "", "not_before": ctx.now(), "attempts": 1,
            "claimed_at": ctx.now(), "price": 0, "code_hash": links.code_hash("x" * 16),
            "vendor_id": "", "answer": "",
        }  # fmt: skip
        connection.execute(sa.insert(tables.ask_messages).values(**row))
        waiting = {**row, "recipient": "person:1", "number": OTHER, "state": MessageState.WAITING}
        connection.execute(sa.insert(tables.ask_messages).values({**waiting, "code_hash": None}))
    before = stored_reports(ctx)
    standing = in_force(ctx)
    assert leftovers(ctx, name, of_former_account=False)
    env = production.env() | {"HUBSPOT_ACCESS_TOKEN": TOKEN}
    moved = make_context(**env, DATABASE_URL=either_database_url)
    change(moved, name)
    assert leftovers(moved, name, of_former_account=False) == {}
    assert [(row.kind, row.number, row.evidence) for row in stored_reports(moved)] == [
        (row.kind, row.number, row.evidence) for row in before
    ]
    assert in_force(moved) == standing
    with moved.store.read() as connection:
        m = tables.ask_messages.c
        states = list(connection.scalars(sa.select(m.state).order_by(m.id)))
        link = links.find(moved, "x" * 16).link
        places = list(connection.scalars(sa.select(tables.poll_cursors.c.name)))
    assert not [place for place in places if name in place]  # all is read from its beginning
    assert states == ["sent", "withheld"]
    assert link.connector == f"{name}@1"
    back = make_context(DATABASE_URL=either_database_url)
    sync(moved, name)
    change(back, name)
    after = stored_reports(back)
    assert [(r.key, r.contact) for r in after] == [(r.key, r.contact) for r in before]
    sync(back, name)
    settle(back, name)
    anew = [row for row in stored_reports(back) if row.id not in {row.id for row in before}]
    assert {row.source for row in anew} <= {f"{name} field"}  # words that still stand there
    assert in_force(back) >= standing


class TestACrmThatDoesNotTellItsAccount:
    """As that of an installed package may be: the operator's word decides."""

    @pytest.fixture
    def of_a_package(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(crm_accounts, "KINDS", ())

    @pytest.fixture
    def untold(self, monkeypatch: pytest.MonkeyPatch, of_a_package: None) -> None:
        monkeypatch.setattr(HubSpotConnector, "account_id", lambda _self: "")

    @pytest.mark.usefixtures("of_a_package")
    @pytest.mark.parametrize("name", ["hubspot"], indirect=True)
    def test_is_none_whose_connector_asks_for_it(
        self, trial: Context, moved: Context, name: str, sync: Sync
    ) -> None:
        sync(trial, name)
        with pytest.raises(AuthError, match="goes to another account now"):
            sync(moved, name)
        change(moved, name)
        sync(moved, name)

    @pytest.mark.usefixtures("untold")
    @pytest.mark.parametrize("name", ["hubspot"], indirect=True)
    def test_is_changed_by_the_command_alone(
        self, trial: Context, moved: Context, old: Crm, new: Crm, name: str, sync: Sync
    ) -> None:
        record_id = same_id(old, new)
        sync(trial, name)
        store_report(trial, "opt_out", NUMBER, contact=f"{name}/{old.object}/{record_id}",
                     scope="contact")  # fmt: skip
        settle(trial, name)
        change(moved, name)
        sync(moved, name)
        settle(moved, name)
        assert not new.get(record_id, "do_not_contact")
        assert {row.contact for row in stored_reports(moved)} == {
            f"{name}@1/{old.object}/{record_id}"
        }


class TestTheCommand:
    @pytest.fixture
    def run(
        self, moved: Context, production: Sandbox, monkeypatch: pytest.MonkeyPatch
    ) -> Callable[..., Result]:  # fmt: skip
        env = production.env() | {"HUBSPOT_ACCESS_TOKEN": TOKEN}
        home, database = str(moved.settings.home), moved.settings.database_url
        for key, value in {**env, "HYGIENE_HOME": home, "DATABASE_URL": database}.items():
            monkeypatch.setenv(key, value)
        return lambda *args: CliRunner().invoke(main, ["crm", "change-account", *args])

    def test_says_first_what_it_would_do_and_does_nothing_unasked(
        self, run: Callable[..., Result], trial: Context, old: Crm, name: str, sync: Sync
    ) -> None:
        sync(trial, name)
        store_report(trial, "opt_out", NUMBER)
        settle(trial, name)
        unasked = run(name)
        assert (unasked.exit_code, f"{name} --dry-run" in unasked.stderr) == (2, True)
        dry = run(name, "--dry-run")
        assert dry.exit_code == 0, dry.stderr
        assert f"then: hygiene crm change-account {name} --yes" in dry.stderr
        assert "suppressions in force, which stay: 1" in dry.stdout
        assert sync(trial, name)["state"] == "done"
        done = run(name, "--yes", "--json")
        assert done.exit_code == 0, done.stderr
        said = json.loads(done.stdout)
        assert (said["connection"], said["former_name"]) == (name, f"{name}@1")
        assert said["contacts"] >= len(old.ids())
        assert said["standing_suppressions"] == 1
        again = run(name, "--yes")
        assert (again.exit_code, "nothing to change" in again.stderr) == (2, True)
