"""What every connector does. A new one passes by being listed in `CONNECTORS`. Installed packages
run the same classes of `connectors.conformance` over theirs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from crms import Crm
from limits import lower_limits

import connectors
from config.connections import kind_of
from config.settings import Settings, load
from connectors import build, conformance
from connectors.conformance import everything
from connectors.errors import ConnectorError, QuotaError
from connectors.http.pacing import Remaining
from connectors.http.rate_limits import Limits
from connectors.protocol import Connector
from connectors.records import Merge, Update
from sandbox.hubspot.portal import prop
from sandbox.run import Sandbox
from sandbox.service import Fault
from worker.context import Context
from worker.sync.write.crm_writes import write_all

# The last one is a further connection of a kind.
CONNECTORS = ("salesforce", "hubspot", "csv", "hubspot-emea")
COUNT = 60
SECOND = '[connectors.hubspot-emea]\nkind = "hubspot"\n'


@pytest.fixture(params=CONNECTORS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def toml_of(path: Path) -> str:
    return f'[connectors.csv]\npath = "{path}"\n{SECOND}'


def second_token(sandbox: Sandbox) -> dict[str, str]:
    """What connects a further connection to the account."""
    sandbox.hubspot.tokens.add("second")
    return {**sandbox.env(suffix="EMEA"), "HUBSPOT_EMEA_ACCESS_TOKEN": "second"}


@pytest.fixture
def settings(make_settings: Callable[..., Settings], tmp_path: Path, sandbox: Sandbox) -> Settings:
    path = tmp_path / "list.csv"
    rows = [f"{n},+44 20 7946 {n:04},GB,Web" for n in range(COUNT)]
    path.write_text("\n".join(["id,Phone,Country,Source", *rows]) + "\n", encoding="utf-8")
    return make_settings(toml_of(path), **second_token(sandbox))


def crm_of(sandbox: Sandbox, name: str) -> Crm:
    """A CRM of the sandbox by the name of its connection."""
    return Crm.all(sandbox, name.removeprefix(kind_of(name)))[name]


def is_hubspot(name: str) -> bool:
    return kind_of(name) == "hubspot"


@pytest.fixture
def connector(name: str, settings: Settings) -> Iterator[Connector]:
    opened = connectors.build(name, settings)
    opened.apply_schema(opened.describe())
    yield opened
    opened.close()


@pytest.fixture
def another(
    name: str, settings: Settings, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> Callable[[], Connector]:
    """Another connector to the same CRM, with small pages."""
    lower_limits(monkeypatch, hubspot_list_page=7)
    sandbox.salesforce.page_limit = 7

    def opened() -> Connector:
        other = connectors.build(name, settings)
        other.apply_schema(other.describe())
        if name == "csv":
            other.page_size = 7
        return other

    return opened


class SandboxDriver:
    """People at work in a CRM of the sandbox."""

    refuses_values = tells_merges = True

    def __init__(self, crm: Crm, sandbox: Sandbox) -> None:
        self._crm, self._sandbox = crm, sandbox
        self.object = crm.object
        self.nobody = "003000000000000AAA" if crm.name == "salesforce" else "999999999"

    def typed(self) -> dict[str, dict[str, str]]:
        phone = self._crm.phone
        return {rid: {phone: str(r.get(phone) or "")} for rid, r in self._crm.records().items()}

    def edit(self, record_id: str, phone: str, text: str) -> None:
        self._crm.edit(record_id, {f"phone/{phone}": text})

    def delete(self, record_id: str) -> None:
        self._crm.act(record_id, {"delete": True})

    def merge(self, record_id: str, into: str) -> str:
        self._crm.act(record_id, {"merge_into": into})
        return str(self._sandbox.hubspot.portal.merged[record_id]) if (
            is_hubspot(self._crm.name)) else into  # fmt: skip

    def hide(self, record_ids: Sequence[str]) -> None:
        self._crm.hide(list(record_ids))

    def opt_out_of_email(self, record_id: str) -> None:
        field = self._email_opt_out
        self._crm.act(record_id, {"set": {field: "true" if field.islower() else True}})

    def hide_email_opt_outs(self) -> None:
        self._crm.hide_field(self._email_opt_out)

    @property
    def _email_opt_out(self) -> str:
        return "hs_email_optout" if is_hubspot(self._crm.name) else "HasOptedOutOfEmail"


class ListDriver:
    """A list on disk, which nobody edits meanwhile."""

    object = "row"
    refuses_values = tells_merges = False
    nobody = "999999999"

    def typed(self) -> dict[str, dict[str, str]]:
        return {str(n): {"Phone": f"+44 20 7946 {n:04}"} for n in range(COUNT)}


@pytest.fixture
def driver(name: str, sandbox: Sandbox) -> Any:
    return ListDriver() if name == "csv" else SandboxDriver(crm_of(sandbox, name), sandbox)


class TestReading(conformance.Reading):
    def test_all_of_the_sandbox_comes(self, connector: Connector) -> None:
        assert len(everything(connector)) == COUNT

    def test_fetch_brings_all_where_the_crm_gives_them_in_small_pages(
        self, connector: Connector, sandbox: Sandbox
    ) -> None:
        contacts = everything(connector)[:9]
        sandbox.salesforce.page_limit = 2
        ids = [c.id for c in contacts if c.object == contacts[0].object]
        assert {c.id for c in connector.fetch(contacts[0].object, ids)} == set(ids)


class TestNames:
    def test_come_in_batches_with_phones_as_typed(
        self, connector: Connector, name: str, sandbox: Sandbox
    ) -> None:
        contacts = [c for c in everything(connector) if c.object == connector.objects[0]][:9]
        sandbox.salesforce.page_limit = 4
        before = dict(connector.calls)
        ids = [contact.id for contact in contacts]
        named = {
            contact.id: contact
            for contact in connector.read_names(contacts[0].object, [*ids, "999999999"])
        }
        assert named.keys() == set(ids)
        for contact in contacts:
            typed = {field: text for field, text in contact.phones.items() if text}
            assert named[contact.id].phones == typed
        if name != "csv":
            crm = crm_of(sandbox, name)
            first, last = ("FirstName", "LastName") if name == "salesforce" else (
                "firstname", "lastname")  # fmt: skip
            for record_id, record in crm.records().items():
                if record_id in named:
                    full_name = f"{record.get(first) or ''} {record.get(last) or ''}".strip()
                    assert named[record_id].name == full_name != ""
        calls = {kind: n - before.get(kind, 0) for kind, n in connector.calls.items()}
        assert 1 <= calls.pop("other") <= 3
        assert not any(calls.values())
        assert connector.names_size >= 50
        assert connector.read_names(contacts[0].object, []) == []

    def test_are_not_read_from_the_reserve(
        self, connector: Connector, name: str, sandbox: Sandbox
    ) -> None:
        if name == "csv":
            return  # a list has no quota
        contacts = everything(connector)[:1]
        quota = connector._client._quota if name == "salesforce" else (
            connector.client._calls._quota)  # fmt: skip
        quota.record(Limits(day=Remaining(5, 1000, 86_400.0)))
        before = dict(connector.calls)
        with pytest.raises(QuotaError, match="reserved for others"):
            connector.read_names(contacts[0].object, [contacts[0].id])
        assert dict(connector.calls) == before


@pytest.mark.parametrize("name", ["salesforce", "hubspot"])
class TestAWriteThatIsSentAgain:
    """The writer is told where an earlier try may be carried out late."""

    @pytest.fixture
    def write(self, connector: Connector, name: str, sandbox: Sandbox) -> Callable[..., bool]:
        crm = crm_of(sandbox, name)

        def sent_again(kind: str, **how: Any) -> bool:
            crm.service.faults.append(Fault(crm.write_call, kind, **how))
            update = Update(crm.object, crm.ids()[0], {crm.status: "valid"})
            outcomes, _ = write_all(connector, [update])
            return outcomes[update.id].sent_again

        return sent_again

    @pytest.mark.parametrize("kind", ["drop", "drop_after", "truncate"])
    def test_after_a_connection_that_broke(self, write: Callable[..., bool], kind: str) -> None:
        assert write(kind)

    @pytest.mark.parametrize("status", [502, 504, 520, 524])
    def test_after_a_gateway_that_gave_up_waiting(
        self, write: Callable[..., bool], status: int
    ) -> None:
        assert write("status", status=status)

    @pytest.mark.parametrize("status", [500, 503])
    def test_not_after_an_answer_of_the_service_itself(
        self, write: Callable[..., bool], status: int
    ) -> None:
        assert not write("status", status=status)

    def test_not_where_nothing_went_wrong(self, write: Callable[..., bool]) -> None:
        assert not write("delay", seconds=0.0)


class TestWriting(conformance.Writing): ...


class TestWhatACrmRefusesAsAWhole:
    def test_of_a_refused_batch_all_that_can_be_written_is_written_in_few_calls(
        self, connector: Connector, name: str, sandbox: Sandbox
    ) -> None:
        """Salesforce: a trigger that cannot take so many. HubSpot: one bad value."""
        if name == "csv":
            return  # a list takes any text
        contacts = [c for c in everything(connector) if c.object == connector.objects[0]][:32]
        updates = [Update(c.object, c.id, {"reason": c.id}) for c in contacts]
        bad: set[str] = set()
        if name == "salesforce":
            sandbox.salesforce.org.automation.trigger_takes = 10
        else:
            bad = {contacts[5].id}
            phone = next(iter(contacts[0].phones))
            updates[5] = Update(
                contacts[5].object, contacts[5].id, {f"status/{phone}": "no such status"}
            )
        outcomes = write_all(connector, updates).outcomes
        assert list(outcomes) == [c.id for c in contacts]
        assert {rid for rid, outcome in outcomes.items() if not outcome.ok} == bad
        assert connector.calls["write"] <= 2 * 5 + 2, "halved, and not one by one"
        after = connector.fetch(contacts[0].object, [c.id for c in contacts])
        assert {c.id for c in after if c.current["reason"] == c.id} == {
            c.id for c in contacts
        } - bad

    @pytest.mark.parametrize(
        "body", [b"Access_Denied_By_Proxy", b"<html><title>Access denied by proxy</title></html>"]
    )
    def test_an_error_that_is_no_json_keeps_its_reason(
        self, connector: Connector, name: str, sandbox: Sandbox, body: bytes
    ) -> None:
        if name == "csv":
            return
        crm = crm_of(sandbox, name)
        crm.fault(crm.read_call, "status", status=403, body=body, times=99)
        with pytest.raises(ConnectorError, match=r"(?i)access.denied.by.proxy"):
            everything(connector)


@pytest.mark.parametrize("name", ["salesforce", "hubspot"])
class TestIncrements(conformance.Increments): ...


def test_a_list_is_always_read_as_a_whole(settings: Settings) -> None:
    assert not connectors.build("csv", settings).incremental


@pytest.mark.parametrize("name", ["salesforce", "hubspot"])
class TestDeletedAndMerged(conformance.WhatIsGone):
    """A list hides nothing: see csv_list/."""


@pytest.mark.parametrize("name", ["salesforce", "hubspot", "hubspot-emea"])
class TestEmailRefusals(conformance.EmailRefusals): ...


def test_a_list_has_no_opt_outs_from_email(settings: Settings) -> None:
    opened = connectors.build("csv", settings)
    assert opened.email_refusals("row", ["1"]) == {}
    assert opened.unread_email_opt_outs({}) == []


class TestWhatIsGone:
    """What the CRM does not return is deleted only where it says so (promise 17)."""

    def test_a_merged_record_is_followed_to_where_it_lives_on_now(
        self, connector: Connector, name: str, sandbox: Sandbox
    ) -> None:
        if name == "csv":
            return
        crm = crm_of(sandbox, name)
        away, into, three = crm.ids()[:3]
        crm.act(away, {"merge_into": into})
        second = sandbox.hubspot.portal.merged[away] if is_hubspot(name) else into
        crm.act(second, {"merge_into": three})
        last = sandbox.hubspot.portal.merged[second] if is_hubspot(name) else three
        outcomes = connector.deleted(crm.object, [away])
        assert outcomes == {away: Merge(away, crm.object, last)}

    def test_many_are_asked_for_in_parts(
        self, connector: Connector, name: str, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        if name == "csv":
            return

        lower_limits(monkeypatch, hubspot_batch=3, salesforce_merge_ids=3)
        sandbox.salesforce.page_limit = 2
        crm = crm_of(sandbox, name)
        ids = crm.ids()
        for record_id in ids[:10]:
            crm.act(record_id, {"delete": True})
        assert connector.deleted(crm.object, ids[:20]) == dict.fromkeys(ids[:10])

    def test_it_says_how_many_records_our_user_sees(
        self, connector: Connector, name: str, sandbox: Sandbox
    ) -> None:
        by_object = {visibility.object: visibility for visibility in connector.visibility()}
        assert set(by_object) == set(connector.objects)
        assert sum(visibility.visible or 0 for visibility in by_object.values()) == COUNT
        assert not any(visibility.limited for visibility in by_object.values())
        if name == "csv":
            return
        crm = crm_of(sandbox, name)
        crm.hide(crm.ids()[:5])
        (after,) = [
            visibility for visibility in connector.visibility() if visibility.object == crm.object
        ]
        assert after.visible == (by_object[crm.object].visible or 0) - 5
        assert after.limited == (name == "salesforce"), "HubSpot limits no private app"

    def test_a_full_read_that_would_remove_many_asks_first(
        self, name: str, sandbox: Sandbox, make_context: Callable[..., Context],
        sync: Callable[..., Any],
    ) -> None:  # fmt: skip
        if name == "csv":
            return  # nothing is removed by a full read of a list
        toml = "[sync]\nmax_removals_floor = 4\n" + SECOND
        ctx = make_context(toml, **second_token(sandbox))
        crm = crm_of(sandbox, name)
        sync(ctx, name)
        crm.hide(crm.ids()[:20])
        crm.act(crm.ids()[25], {"delete": True})
        result = sync(ctx, name, "everything")
        states = {
            removal["object"]: (removal["state"], removal["records"])
            for removal in result["removals"]
        }
        assert states == {crm.object: ("held", 20)}
        assert result["contacts"]["gone"] == 1


class TestFields(conformance.Fields):
    def test_setup_creates_what_is_missing_and_is_safe_to_repeat(
        self, make_settings: Callable[..., Settings], bare_sandbox: Sandbox
    ) -> None:
        settings = make_settings(**bare_sandbox.env())
        for name in ("salesforce", "hubspot"):
            opened = connectors.build(name, settings)
            assert any(finding.blocks for finding in opened.apply_schema(opened.describe()))
            assert {step.done for step in opened.provision()} >= {"created"}
            assert opened.apply_schema(opened.describe()) == []
            again = {step.done for step in opened.provision()}
            assert again - {"offered"} == {"already there"}
            target = next(c for p in opened.read(opened.objects[0]) for c in p.contacts)
            phone = next(iter(target.phones))
            (result,) = opened.write(
                [Update(target.object, target.id, {f"status/{phone}": "valid"})]
            )
            assert result.ok
            opened.close()

    @pytest.mark.parametrize("of", ["another type", "another meaning"])
    def test_setup_reports_a_field_that_somebody_else_made_and_leaves_it_alone(
        self, make_settings: Callable[..., Settings], bare_sandbox: Sandbox, of: str
    ) -> None:
        settings = make_settings(**bare_sandbox.env())
        for crm in Crm.all(bare_sandbox).values():
            field, name = crm.field("best_phone"), f"{crm.object}.{crm.field('best_phone')}"
            add_foreign_field(bare_sandbox, crm, field, "Url" if of == "another type" else "Text")
            if of == "another type":
                field, name = crm.field("checked_at"), f"{crm.object}.{crm.field('checked_at')}"
                add_foreign_field(bare_sandbox, crm, field, "Text")
            opened = connectors.build(crm.name, settings)

            def done(*adopt: str, of: Connector = opened, what: frozenset[str] = frozenset(
                (name, field)
            )) -> list[tuple[str, bool]]:  # fmt: skip
                steps = [s for s in of.provision(adopt) if s.what in what]
                return [(s.done, "left alone" in s.note) for s in steps]

            assert done() == [("failed", True)]
            assert done() == [("failed", True)], "seen once, it is not taken for ours"
            taken = ("failed", True) if of == "another type" else ("already there", False)
            assert done(name) == [taken]
            opened.close()

    def test_a_record_has_a_place_where_a_person_sees_it(
        self, connector: Connector, name: str
    ) -> None:
        target = everything(connector)[0]
        url = connector.record_url(target.object, target.id)
        assert (target.id in url) == (name != "csv")


def add_foreign_field(sandbox: Sandbox, crm: Crm, name: str, kind: str) -> None:
    """A field of our name, made by an admin for something else."""
    if crm.name == "salesforce":
        metadata = {"type": kind, "label": "Theirs", "inlineHelpText": "Synced from the dialer."}
        if kind == "Text":
            metadata["length"] = 80
        sandbox.salesforce.org.add_custom_field(crm.object, name, metadata, visible=True)
    else:
        definition = prop(name, "Theirs", own=False)
        definition["description"] = "Synced from the dialer."
        sandbox.hubspot.portal.properties[name] = definition


class TestHubSpotsRefusals:
    """One bad value refuses a whole batch, and which record it means is not said."""

    def test_one_bad_record_in_a_hundred_costs_a_few_calls_and_not_one_a_batch(self) -> None:
        sandbox = Sandbox.start(contacts=1000)
        portal = sandbox.hubspot.portal
        # An option that our values need is missing: the records with that status cannot take it.
        options = portal.properties["hygiene_phone_status"]["options"]
        options[:] = [option for option in options if option["value"] != "unreachable"]
        connector = build("hubspot", load({**sandbox.env(), "HYGIENE_HOME": "."}))
        connector.apply_schema(connector.describe())
        ids = [r["id"] for r in portal.table.after_id(None)]
        updates = [
            Update(
                "contacts",
                rid,
                {
                    "status/phone": "unreachable" if n % 100 == 37 else "valid",
                    "reason": "as it is",
                    "run": "r1",
                },
            )
            for n, rid in enumerate(ids)
        ]
        before = connector.calls["write"]
        outcomes = {}
        for start in range(0, len(updates), 100):  # as pages come
            outcomes |= write_all(connector, updates[start : start + 100]).outcomes
        calls = connector.calls["write"] - before
        connector.close()
        sandbox.stop()
        assert list(outcomes) == ids
        refused = [outcome for outcome in outcomes.values() if not outcome.ok]
        assert {outcome.kind for outcome in refused} == {"picklist_value"}
        assert len(refused) == 10
        assert calls <= 11, "ten batches, and the one that told"
        reasons = {r["properties"].get("hygiene_reason") for r in portal.table.after_id(None)}
        assert reasons == {"as it is"}, "the other fields of the refused records were written"
        assert all(outcome.written.keys() == {"reason", "run"} for outcome in refused)
