"""What change events mean for us, and that no order of what can happen loses a change."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from config.connectors import FieldNames, SalesforceSettings
from connectors.salesforce.pubsub.change_events import (
    CLIENT,
    ChangeEvent,
    UnreadableEventError,
    changed_fields,
    read_event,
)
from connectors.salesforce.pubsub.feed import Batch, Unreadable
from worker.sync.stream import plan

US = "0055g0000000002AAA"
CONTACT, OTHER = "0035g0000000001AAA", "0035g0000000002AAA"
INTEREST = plan.interest_in(SalesforceSettings(), normalize=False, user=US)


def event(
    *fields: str, kind: str = "UPDATE", ids: Sequence[str] = (CONTACT,), client: str = "",
    user: str = "0055g0000000001AAA", of: str = "Contact",
) -> ChangeEvent:  # fmt: skip
    names_all = not ids or kind == "GAP_OVERFLOW"
    at = datetime(2026, 11, 28, tzinfo=UTC)
    return ChangeEvent(of, kind, tuple(ids), names_all, frozenset(fields) or None, client, user, at)


def advanced(*events: ChangeEvent | Unreadable, replay_id: bytes | None = b"1") -> plan.Step:
    return plan.advance(replay_id, Batch(events, b"2"), INTEREST)


class TestAnEvent:
    @pytest.mark.parametrize(
        "field",
        ["Phone", "Wrong_Number__c", "Recheck_Phone__c", "DoNotCall", "MailingCountry",
         "MasterRecordId"],
    )  # fmt: skip
    def test_of_a_watched_field_has_its_record_read(self, field: str) -> None:
        assert advanced(event(field, "LastModifiedDate")).changed == (("Contact", CONTACT),)

    def test_of_another_field_or_object_does_not(self) -> None:
        step = advanced(event("Title", "Phone_Status__c"), event("Phone", of="Opportunity"))
        assert (step.changed, step.pull, step.replay_id) == ((), "", b"2")
        assert step.counts == {plan.UNWATCHED: 2}

    @pytest.mark.parametrize("kind", ["CREATE", "DELETE", "UNDELETE"])
    def test_that_begins_or_ends_a_record_has_it_read(self, kind: str) -> None:
        assert advanced(event(kind=kind)).changed == (("Contact", CONTACT),)

    def test_that_does_not_say_which_fields_has_its_record_read(self) -> None:
        assert advanced(event()).changed

    def test_of_several_records_has_each_read_once(self) -> None:
        both = event("Phone", ids=(CONTACT, OTHER))
        assert advanced(both, both).changed == (("Contact", CONTACT), ("Contact", OTHER))

    def test_of_our_own_write_does_not(self) -> None:
        ours = event("Wrong_Number__c", "Recheck_Phone__c", client=CLIENT, user=US[:15])
        step = advanced(ours)
        assert (step.changed, step.counts) == ((), {plan.OWN: 1})

    @pytest.mark.parametrize(("client", "user"), [("", US), (CLIENT, "0055g0000000009AAA")])
    def test_of_somebody_like_us_does(self, client: str, user: str) -> None:
        """Our user in another app, or another app that calls itself like us."""
        assert advanced(event("Wrong_Number__c", client=client, user=user)).changed

    def test_of_a_trigger_that_our_write_set_off_does(self) -> None:
        """It changed a phone field, which we never do."""
        assert advanced(event("Wrong_Number__c", "Phone", client=CLIENT, user=US)).changed

    def test_of_a_phone_field_is_ours_where_we_normalize(self) -> None:
        interest = plan.interest_in(SalesforceSettings(), normalize=True, user=US)
        ours = Batch((event("Phone", client=CLIENT, user=US),), b"2")
        assert not plan.advance(b"1", ours, interest).changed

    def test_of_a_checkbox_of_the_crms_own_that_we_write_is_ours(self) -> None:
        mapped = SalesforceSettings(fields=FieldNames(do_not_call="DoNotCall"))
        ours = Batch((event("DoNotCall", client=CLIENT, user=US),), b"2")
        assert not plan.advance(b"1", ours, plan.interest_in(mapped, False, US)).changed
        assert advanced(event("DoNotCall", client=CLIENT, user=US)).changed  # where we do not

    @pytest.mark.parametrize("kind", ["GAP_UPDATE", "GAP_CREATE", "GAP_DELETE", "GAP_UNDELETE"])
    def test_of_a_gap_has_its_records_read_and_the_rest_pulled(self, kind: str) -> None:
        step = advanced(event(kind=kind))
        assert step.changed == (("Contact", CONTACT),)
        assert step.pull == f"{kind} of Contact"

    @pytest.mark.parametrize("kind", ["GAP_OVERFLOW", "GAP_UPDATE", "UPDATE"])
    def test_that_names_no_record_is_pulled(self, kind: str) -> None:
        step = advanced(event("Title", kind=kind, ids=()))
        assert step.pull
        assert not step.changed

    def test_that_cannot_be_read_is_pulled(self) -> None:
        assert advanced(Unreadable("it has no header")).pull

    def test_an_empty_answer_moves_the_replay_id_alone(self) -> None:
        assert advanced() == plan.Step((), "", b"2", {})

    def test_a_stream_that_began_at_its_tip_pulls_what_came_before(self) -> None:
        assert advanced(replay_id=None).pull


HEADER = {
    "entityName": "Contact", "recordIds": [CONTACT], "changeType": "UPDATE",
    "changeOrigin": f"com/salesforce/api/rest/62.0;client={CLIENT}", "commitUser": US,
    "commitTimestamp": 1764374400000, "changedFields": ["0x02"],
}  # fmt: skip
SCHEMA = {"fields": [{"name": "ChangeEventHeader"}, {"name": "Phone"}]}


class TestReadingAnEvent:
    def test_reads_whose_change_it_was_and_of_what(self) -> None:
        read = read_event({"ChangeEventHeader": HEADER}, SCHEMA)
        assert (read.object, read.ids, read.client, read.user) == (
            "Contact", (CONTACT,), CLIENT, US
        )  # fmt: skip
        assert read.fields == {"Phone"}

    @pytest.mark.parametrize("named", ["003*", "003000000000000AAA", "", "00Q5g0000000001AAA"])
    def test_an_id_that_is_none_of_its_object_stands_for_all(self, named: str) -> None:
        header = {**HEADER, "recordIds": [CONTACT, named]}
        read = read_event({"ChangeEventHeader": header}, SCHEMA)
        assert read.names_all
        assert read.ids == (CONTACT,)

    @pytest.mark.parametrize("record", [None, {}, {"ChangeEventHeader": {"entityName": 3}}])
    def test_refuses_what_is_no_event(self, record: object) -> None:
        with pytest.raises(UnreadableEventError):
            read_event(record, SCHEMA)

    def test_reads_salesforces_own_example_of_bitmaps(self) -> None:
        """From "Event Deserialization Considerations": 0x650004E0 is 29 bits, 4-0x10 within the
        fifth field."""
        inner = {"type": "record", "fields": [{"name": f"part{n}"} for n in range(8)]}
        fields = [{"name": f"f{n}", "type": ["null", inner]} for n in range(31)]
        names = changed_fields(["0x650004E0", "4-0x10", "7-0x06"], {"fields": fields})
        assert names is not None
        top = {name for name in names if name.startswith("f") and "." not in name} - {"f4part4"}
        assert {f"f{n}" for n in (5, 6, 7, 10, 24, 26, 29, 30)} <= top
        assert {"f4.part4", "f7.part1", "f7.part2"} <= names

    @pytest.mark.parametrize("bitmaps", [["0x08"], ["9-0x01"], ["1-0x01"], ["xyz"], [], None, [3]])
    def test_bitmaps_that_do_not_fit_name_no_fields(self, bitmaps: object) -> None:
        assert changed_fields(bitmaps, SCHEMA) is None


class AnyOrder(RuleBasedStateMachine):
    """An org, its bus, our database and a subscriber that may die between any two steps.

    A change is a number. The bus holds events by replay id; the database has what was committed.
    What must hold always: each change that matters was stored or pulled, or is still ahead of the
    committed replay id on the bus, or a pull is wanted, or the subscriber must begin at the tip or
    with an id that the bus refuses, which both lead to a pull.
    """

    def __init__(self) -> None:
        super().__init__()
        self.tip = 100
        self.purged = 100
        self.bus: list[tuple[int, ChangeEvent | Unreadable]] = []
        self.matters: dict[str, int] = {}  # record id -> the replay id of its event; 0 = none
        # the database
        self.replay_id: bytes | None = None
        self.stored: set[str] = set()
        self.pull_wanted = False
        # the subscriber
        self.position: bytes | None = None
        self.at: int | None = None  # where the server is; None = not subscribed
        self.step: plan.Step | None = None

    def publish(self, sent: ChangeEvent | Unreadable) -> int:
        self.tip += 1
        self.bus.append((self.tip, sent))
        return self.tip

    @rule(kind=st.sampled_from(["UPDATE", "CREATE", "DELETE", "GAP_UPDATE"]))
    def a_person_changes_a_record(self, kind: str) -> None:
        record_id = f"003{len(self.matters):012d}AAA".replace("000000000000", "5g0000000000")
        fields = ("Phone",) if kind == "UPDATE" else ()
        self.matters[record_id] = self.publish(event(*fields, kind=kind, ids=(record_id,)))

    @rule(how=st.sampled_from(["GAP_OVERFLOW", "wildcard", "unreadable"]))
    def a_change_is_told_without_its_record(self, how: str) -> None:
        record_id = f"003{len(self.matters):012d}AAA".replace("000000000000", "5g0000000000")
        sent: ChangeEvent | Unreadable = Unreadable("broken")
        if how != "unreadable":
            sent = event(kind="GAP_OVERFLOW" if how == "GAP_OVERFLOW" else "GAP_UPDATE", ids=())
        self.matters[record_id] = self.publish(sent)

    @rule()
    def we_write(self) -> None:
        self.publish(event("Wrong_Number__c", client=CLIENT, user=US))

    @rule(keep=st.integers(0, 2))
    def the_bus_forgets(self, keep: int) -> None:
        gone = self.bus[: max(0, len(self.bus) - keep)]
        if gone:
            self.purged = gone[-1][0]
            self.bus = self.bus[len(gone) :]
            if self.at is not None and self.at < self.purged:
                self.it_is_killed()  # a stream that is 72 hours behind has nowhere to go on from

    @precondition(lambda self: self.at is None)
    @rule()
    def it_subscribes(self) -> None:
        self.position = self.replay_id
        if self.position is None:
            self.at = self.tip
        elif self.purged <= int(self.position) <= self.tip:
            self.at = int(self.position)
        else:  # the bus refuses the replay id
            self.commit(plan.lose("too old"))

    @precondition(lambda self: self.at is not None and self.step is None)
    @rule(most=st.integers(0, 3))
    def it_takes_a_batch(self, most: int) -> None:
        assert self.at is not None
        ahead = [entry for entry in self.bus if entry[0] > self.at]
        batch = ahead[:most]
        if batch:
            self.at = batch[-1][0]
        elif not ahead:
            self.at = self.tip  # a keepalive
        else:
            return
        events = tuple(sent for _, sent in batch)
        self.step = plan.advance(
            self.position, Batch(events, str(self.at).encode()), INTEREST
        )  # fmt: skip

    @precondition(lambda self: self.step is not None)
    @rule()
    def it_commits(self) -> None:
        assert self.step is not None
        self.commit(self.step)
        self.position, self.step = self.step.replay_id, None

    def commit(self, step: plan.Step) -> None:
        """One transaction, as `state.commit` makes it."""
        self.stored |= {record_id for _, record_id in step.changed}
        self.pull_wanted = self.pull_wanted or bool(step.pull)
        self.replay_id = step.replay_id

    @rule()
    def it_is_killed(self) -> None:
        self.at = self.position = self.step = None

    @precondition(lambda self: self.pull_wanted)
    @rule()
    def a_pull_runs(self) -> None:
        self.stored |= set(self.matters)
        self.pull_wanted = False

    @invariant()
    def nothing_is_behind_us_that_was_not_stored(self) -> None:
        if self.pull_wanted or self.replay_id is None:
            return
        behind = int(self.replay_id)
        if behind < self.purged:
            return  # the bus will refuse it
        for record_id, number in self.matters.items():
            assert record_id in self.stored or number > behind

    def teardown(self) -> None:
        """Left to itself, a subscriber catches up with everything."""
        self.it_is_killed()
        for _ in range(200):
            if self.at is None:
                self.it_subscribes()
            elif self.step is None:
                self.it_takes_a_batch(3)
            if self.step is not None:
                self.it_commits()
            if self.pull_wanted:
                self.a_pull_runs()
            if set(self.matters) <= self.stored:
                return
        raise AssertionError("a change was missed")


TestAnyOrder = AnyOrder.TestCase
TestAnyOrder.settings = settings(max_examples=150, stateful_step_count=30, deadline=None)
