"""A flag in the life of its record: hidden from us and shown again, cleared while a reply was on
its way, deleted and restored, with another number, on a second record of the same person.

Flags in the order all, call, text (*do not contact*, *do not call*, *do not text*).
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from clocks import a_later_second
from constants import NUMBER, OTHER, STOP_FLAGS
from crms import Crm
from fixture_types import Sync
from reports import deliver_reports
from vendor_webhooks import receive_twilio_sms

from sandbox.run import Sandbox
from worker.context import Context
from worker.feedback import intake, report_log
from worker.feedback.consent_state import Rules, apply_lifts
from worker.feedback.models import Feedback
from worker.feedback.sources.submitted_reports import ContactRef, Report, to_feedback
from worker.store.tables import contacts, feedback
from worker.suppression import erasure, from_reports, suppressions
from worker.suppression.apply_reports import apply_pending

CLEARED = dict.fromkeys(STOP_FLAGS, False)


@pytest.fixture
def record(ctx: Context, crm: Crm, sync: Sync) -> str:
    """A contact with one number and an email, known to us."""
    record_id = crm.ids()[0]
    set_up(crm, record_id, NUMBER, "ada@example.com")
    sync(ctx, crm.name)
    return record_id


def set_up(crm: Crm, record_id: str, number: str | None, email: str) -> None:
    others = {"salesforce": ("MobilePhone", "HomePhone", "OtherPhone"), "hubspot": ("mobilephone",)}
    phones = {f"phone/{name}": None for name in others[crm.name]}
    crm.edit(record_id, {f"phone/{crm.phone}": number, **phones})
    crm.act(record_id, {"set": {"Email" if crm.name == "salesforce" else "email": email}})


def rename(crm: Crm, record_id: str) -> None:
    """Somebody edits what is none of ours."""
    crm.act(record_id, {"set": {"LastName" if crm.name == "salesforce" else "lastname": "Byron"}})


def report(ctx: Context, kind: str, number: str = NUMBER, **fields: Any) -> None:
    submitted = Report(kind=kind, number=number, **fields)  # type: ignore[arg-type]
    intake.store_reports(ctx, to_feedback(ctx, submitted))
    deliver_reports(ctx)


def text(ctx: Context, body: str) -> None:
    receive_twilio_sms(
        ctx, {"From": NUMBER, "Body": body, "MessageSid": f"SM{body}".ljust(34, "0")}
    )


def read_again(ctx: Context, crm: Crm, sync: Sync) -> None:
    sync(ctx, crm.name, "everything")
    deliver_reports(ctx)


def flags(crm: Crm, record_id: str) -> str:
    return "".join("x" if crm.get(record_id, flag) else "-" for flag in STOP_FLAGS)


def said_by_users(ctx: Context) -> list[str]:
    with ctx.store.read() as connection:
        return [
            text for text in connection.scalars(sa.select(feedback.c.evidence)) if " in " in text
        ]


class TestAFlagThatIsHidden:
    """By field-level security, or because its property was archived."""

    @pytest.fixture
    def stopped(self, ctx: Context, crm: Crm, sync: Sync, record: str) -> str:
        report(ctx, "opt_out", at=ctx.now() - timedelta(hours=1))
        assert flags(crm, record) == "xxx"
        crm.hide_field(crm.field("do_not_contact"))
        ctx.connector(crm.name, fresh=True)
        read_again(ctx, crm, sync)
        return record

    def show(self, ctx: Context, crm: Crm, sync: Sync) -> None:
        crm.show_field(crm.field("do_not_contact"))
        ctx.connector(crm.name, fresh=True)
        read_again(ctx, crm, sync)

    def test_is_nobodys_word_when_it_is_shown_again(
        self, ctx: Context, crm: Crm, sync: Sync, stopped: str
    ) -> None:
        self.show(ctx, crm, sync)
        assert (flags(crm, stopped), said_by_users(ctx)) == ("xxx", [])

    def test_goes_when_it_is_shown_again_after_an_opt_in(
        self, ctx: Context, crm: Crm, sync: Sync, stopped: str
    ) -> None:
        report(ctx, "opt_in", evidence="signed the form")
        read_again(ctx, crm, sync)
        self.show(ctx, crm, sync)
        assert (flags(crm, stopped), said_by_users(ctx)) == ("---", [])

    def test_still_holds_when_the_flags_beside_it_are_cleared(
        self, ctx: Context, crm: Crm, sync: Sync, stopped: str
    ) -> None:
        crm.edit(stopped, {"do_not_call": False, "do_not_text": False})
        read_again(ctx, crm, sync)
        assert crm.get(stopped, crm.status) == "do_not_contact"
        assert suppressions.list_suppressions(ctx, NUMBER)


class TestAFlagThatIsCleared:
    """A CRM tells when a record was edited, not when its flag was cleared."""

    @pytest.fixture
    def cleared(self, ctx: Context, crm: Crm, record: str) -> str:
        report(ctx, "opt_out", at=ctx.now() - timedelta(hours=1))
        assert flags(crm, record) == "xxx"
        a_later_second(crm)
        crm.edit(record, CLEARED)
        a_later_second(crm)
        return record

    def test_before_a_stop_is_not_taken_for_later_because_of_an_edit_since(
        self, ctx: Context, crm: Crm, sync: Sync, cleared: str
    ) -> None:
        text(ctx, "STOP")
        a_later_second(crm)
        rename(crm, cleared)
        deliver_reports(ctx)
        read_again(ctx, crm, sync)
        assert flags(crm, cleared) == "xxx"
        assert suppressions.list_suppressions(ctx, NUMBER)

    def test_after_the_crm_had_the_stop_counts(
        self, ctx: Context, crm: Crm, sync: Sync, cleared: str
    ) -> None:
        read_again(ctx, crm, sync)
        assert flags(crm, cleared) == "---"
        text(ctx, "STOP")
        deliver_reports(ctx)
        assert flags(crm, cleared) == "xxx"
        a_later_second(crm)
        crm.edit(cleared, CLEARED)
        a_later_second(crm)
        rename(crm, cleared)
        read_again(ctx, crm, sync)
        assert flags(crm, cleared) == "---"

    def test_after_a_second_stop_that_changed_nothing_counts(
        self, ctx: Context, crm: Crm, sync: Sync, record: str
    ) -> None:
        text(ctx, "STOP")
        deliver_reports(ctx)
        report(ctx, "complaint", channels=[])  # the flags are set already
        a_later_second(crm)
        crm.edit(record, CLEARED)
        read_again(ctx, crm, sync)
        assert flags(crm, record) == "---"

    def test_after_it_was_ticked_counts_at_once(
        self, ctx: Context, crm: Crm, sync: Sync, record: str
    ) -> None:
        crm.edit(record, {"do_not_contact": True})
        sync(ctx, crm.name)
        a_later_second(crm)
        crm.edit(record, CLEARED)
        read_again(ctx, crm, sync)
        assert flags(crm, record) == "---"

    def test_of_a_wrong_number_before_a_second_report_leaves_the_second(
        self, ctx: Context, crm: Crm, sync: Sync, record: str
    ) -> None:
        report(ctx, "wrong_number", at=ctx.now() - timedelta(hours=1))
        a_later_second(crm)
        crm.edit(record, {"wrong_number": False})
        a_later_second(crm)
        submitted = Report(kind="wrong_number", number=NUMBER, evidence="reached a bakery")
        intake.store_reports(ctx, to_feedback(ctx, submitted))
        a_later_second(crm)
        rename(crm, record)
        deliver_reports(ctx)
        read_again(ctx, crm, sync)
        assert crm.get(record, "wrong_number") is True


class TestAStopThatReachesUsLate:
    """It was said before somebody cleared a flag, and nobody could know of it then."""

    @pytest.fixture
    def cleared(self, ctx: Context, crm: Crm, sync: Sync, record: str) -> str:
        """Its flags were set, and a CRM user has cleared them."""
        report(ctx, "opt_out", at=ctx.now() - timedelta(hours=3), key="first")
        report(ctx, "wrong_number", at=ctx.now() - timedelta(hours=3), key="first wrong")
        a_later_second(crm)
        crm.edit(record, {**CLEARED, "wrong_number": False})
        a_later_second(crm)
        read_again(ctx, crm, sync)
        assert flags(crm, record) == "---"
        assert not crm.get(record, "wrong_number")
        return record

    @pytest.mark.parametrize("kind", ["opt_out", "complaint"])
    def test_stands_over_the_clearing(
        self, ctx: Context, crm: Crm, sync: Sync, cleared: str, kind: str
    ) -> None:
        report(ctx, kind, at=ctx.now() - timedelta(hours=2), key="late")
        assert flags(crm, cleared) == "xxx"
        read_again(ctx, crm, sync)
        assert flags(crm, cleared) == "xxx"
        assert suppressions.list_suppressions(ctx, NUMBER)

    def test_stands_where_it_names_the_person_alone(
        self, ctx: Context, crm: Crm, sync: Sync, cleared: str
    ) -> None:
        ref = ContactRef(connector=crm.name, object=crm.object, id=cleared)
        report(ctx, "opt_out", "", contact=ref, at=ctx.now() - timedelta(hours=2), key="late")
        read_again(ctx, crm, sync)
        assert flags(crm, cleared) == "xxx"

    @pytest.mark.parametrize("kind", ["wrong_number", "corrected"])
    def test_that_a_number_is_wrong_stands_as_well(
        self, ctx: Context, crm: Crm, sync: Sync, cleared: str, kind: str
    ) -> None:
        ref = ContactRef(connector=crm.name, object=crm.object, id=cleared)
        correction = {"new_number": OTHER, "contact": ref} if kind == "corrected" else {}
        report(ctx, kind, at=ctx.now() - timedelta(hours=2), key="late", **correction)
        read_again(ctx, crm, sync)
        assert crm.get(cleared, "wrong_number") is True

    def test_that_came_before_by_its_key_is_not_set_again(
        self, ctx: Context, crm: Crm, sync: Sync, cleared: str
    ) -> None:
        report(ctx, "opt_out", at=ctx.now() - timedelta(hours=3), key="first")
        read_again(ctx, crm, sync)
        assert flags(crm, cleared) == "---"

    def test_closes_only_its_own_channel(
        self, ctx: Context, crm: Crm, sync: Sync, cleared: str
    ) -> None:
        at = ctx.now() - timedelta(hours=2)
        report(ctx, "opt_out", at=at, key="late", channels=["call"])
        read_again(ctx, crm, sync)
        assert flags(crm, cleared) == "-x-"

    def test_stands_over_what_an_admin_had_lifted(
        self, ctx: Context, crm: Crm, sync: Sync, record: str
    ) -> None:
        report(ctx, "opt_out", at=ctx.now() - timedelta(hours=3), key="first")
        (listed,) = suppressions.list_suppressions(ctx, NUMBER)
        suppressions.lift(ctx, listed.id, "Kim", "asked us to")
        deliver_reports(ctx)
        assert flags(crm, record) == "---"
        report(ctx, "opt_out", at=ctx.now() - timedelta(hours=2), key="late")
        assert flags(crm, record) == "xxx"

    def test_gives_way_to_what_the_person_said_since(
        self, ctx: Context, crm: Crm, sync: Sync, cleared: str
    ) -> None:
        report(ctx, "opt_in", at=ctx.now() - timedelta(minutes=90), key="own word")
        report(ctx, "opt_out", at=ctx.now() - timedelta(hours=2), key="late")
        read_again(ctx, crm, sync)
        assert flags(crm, cleared) == "---"
        assert not suppressions.list_suppressions(ctx, NUMBER)

    def test_gives_way_to_what_the_person_says_later(
        self, ctx: Context, crm: Crm, sync: Sync, cleared: str
    ) -> None:
        report(ctx, "opt_out", at=ctx.now() - timedelta(hours=2), key="late")
        report(ctx, "opt_in", key="own word")
        read_again(ctx, crm, sync)
        assert flags(crm, cleared) == "---"

    def test_stands_after_both_were_erased(
        self, ctx: Context, crm: Crm, sync: Sync, cleared: str
    ) -> None:
        report(ctx, "opt_out", at=ctx.now() - timedelta(hours=2), key="late")
        erasure.erase_number(ctx, NUMBER, "Kim")
        deliver_reports(ctx)
        read_again(ctx, crm, sync)
        assert flags(crm, cleared) == "xxx"


class TestARecordThatIsDeletedAndRestored:
    """Our index forgets it; in the CRM it comes back with the flags that it had."""

    @pytest.fixture
    def bin_(self, ctx: Context, crm: Crm, sync: Sync, record: str) -> str:
        report(ctx, "opt_out", at=ctx.now() - timedelta(hours=1))
        crm.act(record, {"delete": True})
        sync(ctx, crm.name)
        return record

    def restore(self, ctx: Context, crm: Crm, sync: Sync, record: str) -> None:
        a_later_second(crm)
        crm.act(record, {"undelete": True})
        read_again(ctx, crm, sync)

    def test_has_lost_its_flags_after_an_opt_in(
        self, ctx: Context, crm: Crm, sync: Sync, bin_: str
    ) -> None:
        report(ctx, "opt_in", evidence="signed the form")
        self.restore(ctx, crm, sync, bin_)
        assert (flags(crm, bin_), said_by_users(ctx)) == ("---", [])

    def test_keeps_them_without_one(self, ctx: Context, crm: Crm, sync: Sync, bin_: str) -> None:
        self.restore(ctx, crm, sync, bin_)
        assert (flags(crm, bin_), said_by_users(ctx)) == ("xxx", [])

    def test_that_was_cleared_and_ticked_again_before_it_was_deleted_has_the_last_word(
        self, ctx: Context, crm: Crm, sync: Sync, record: str
    ) -> None:
        report(ctx, "opt_out", at=ctx.now() - timedelta(hours=1))
        a_later_second(crm)
        crm.edit(record, CLEARED)
        read_again(ctx, crm, sync)
        assert flags(crm, record) == "---"
        a_later_second(crm)
        crm.edit(record, dict.fromkeys(STOP_FLAGS, True))  # nobody has read it yet
        crm.act(record, {"delete": True})
        sync(ctx, crm.name)
        self.restore(ctx, crm, sync, record)
        assert flags(crm, record) == "xxx"

    def test_that_somebody_ticked_in_the_meantime_has_that_persons_word(
        self, ctx: Context, crm: Crm, sync: Sync, record: str
    ) -> None:
        crm.act(record, {"delete": True})
        sync(ctx, crm.name)
        a_later_second(crm)
        crm.act(record, {"undelete": True})
        crm.edit(record, {"do_not_contact": True})
        read_again(ctx, crm, sync)
        assert flags(crm, record) == "xxx"
        assert len(said_by_users(ctx)) == 1


class TestARecordWhoseNumberIsReplaced:
    def test_is_not_flagged_again_when_the_old_number_comes_back_to_a_cleared_flag(
        self, ctx: Context, crm: Crm, sync: Sync, record: str
    ) -> None:
        crm.edit(record, {"do_not_contact": True})
        sync(ctx, crm.name)
        deliver_reports(ctx)
        crm.edit(record, {f"phone/{crm.phone}": OTHER})
        sync(ctx, crm.name)
        deliver_reports(ctx)
        assert flags(crm, record) == "xxx"
        a_later_second(crm)
        crm.edit(record, CLEARED)
        sync(ctx, crm.name)
        deliver_reports(ctx)
        assert flags(crm, record) == "---"
        crm.edit(record, {f"phone/{crm.phone}": NUMBER})
        read_again(ctx, crm, sync)
        assert flags(crm, record) == "---"


class TestAPersonWithTwoRecords:
    """The same email, in both CRMs, with another number in each."""

    @pytest.fixture
    def both(self, ctx: Context, sandbox: Sandbox, sync: Sync) -> dict[str, tuple[Crm, str]]:
        records = {}
        for (name, crm), number in zip(Crm.all(sandbox).items(), (NUMBER, OTHER), strict=True):
            record = crm.ids()[0]
            set_up(crm, record, number, "ada@example.com")
            sync(ctx, name)
            records[name] = (crm, record)
        return records

    def tick(self, ctx: Context, sync: Sync, there: Crm, record: str, here: Crm) -> None:
        """Somebody ticks a flag `there`; nobody edits the record `here`, which is read after it."""
        there.edit(record, {"do_not_contact": True})
        sync(ctx, there.name)
        apply_pending(ctx)
        sync(ctx, here.name)

    @pytest.mark.parametrize("ticked", ["salesforce", "hubspot"])
    def test_is_left_alone_in_both_when_do_not_contact_is_ticked_in_one(
        self, ctx: Context, sync: Sync, both: dict[str, tuple[Crm, str]], ticked: str
    ) -> None:
        there, record = both[ticked]
        here, other = both["hubspot" if ticked == "salesforce" else "salesforce"]
        self.tick(ctx, sync, there, record, here)
        assert flags(here, other) == "xxx"
        a_later_second(there)
        there.edit(record, CLEARED)
        sync(ctx, there.name)
        apply_pending(ctx)
        sync(ctx, here.name)
        assert (flags(there, record), flags(here, other)) == ("---", "---")

    @pytest.mark.parametrize("ticked", ["salesforce", "hubspot"])
    def test_stays_stopped_on_the_record_that_was_ticked_when_the_other_one_is_cleared(
        self, ctx: Context, sync: Sync, both: dict[str, tuple[Crm, str]], ticked: str
    ) -> None:
        """An email may be that of several people: info@example.com."""
        there, record = both[ticked]
        here, other = both["hubspot" if ticked == "salesforce" else "salesforce"]
        self.tick(ctx, sync, there, record, here)
        a_later_second(here)
        here.edit(other, CLEARED)
        sync(ctx, here.name)
        deliver_reports(ctx)
        sync(ctx, there.name, "everything")
        sync(ctx, here.name, "everything")
        assert (flags(there, record), flags(here, other)) == ("xxx", "---")
        there.edit(record, {f"phone/{there.phone}": "+14155552677"})
        read_again(ctx, there, sync)
        assert flags(there, record) == "xxx"

    def test_may_be_called_on_the_number_that_was_not_withdrawn(
        self, ctx: Context, sync: Sync, both: dict[str, tuple[Crm, str]]
    ) -> None:
        (salesforce, first), (hubspot, other) = both["salesforce"], both["hubspot"]
        ref = ContactRef(connector="salesforce", object="Contact", id=first)
        report(ctx, "opt_out", contact=ref)
        sync(ctx, "hubspot", "everything")
        assert (flags(salesforce, first), flags(hubspot, other)) == ("xxx", "---")

    def test_is_left_alone_on_a_record_that_comes_later(
        self, ctx: Context, sync: Sync, both: dict[str, tuple[Crm, str]]
    ) -> None:
        salesforce, record_id = both["salesforce"]
        hubspot = both["hubspot"][0]
        salesforce.edit(record_id, {"do_not_contact": True})
        sync(ctx, "salesforce")
        deliver_reports(ctx)
        third = hubspot.ids()[5]
        set_up(hubspot, third, "+14155552679", "Ada@Example.com")
        sync(ctx, "hubspot")
        assert flags(hubspot, third) == "xxx"


def test_what_was_said_of_a_person_is_kept_under_the_key_in_force(
    make_context: Callable[..., Context], sandbox: Sandbox, sync: Sync, database_url: str
) -> None:
    """So that a record that nobody has read since is found as well."""
    salesforce = Crm.all(sandbox)["salesforce"]
    record = salesforce.ids()[0]
    set_up(salesforce, record, NUMBER, "ada@example.com")
    before = make_context(DATABASE_URL=database_url, SECRET_KEY="former")
    sync(before, "salesforce")
    salesforce.edit(record, {"do_not_contact": True})
    sync(before, "salesforce")
    keys = {"SECRET_KEY": "new", "SECRET_KEY_PREVIOUS": "former"}
    after = make_context(DATABASE_URL=database_url, **keys)
    sync(after, "salesforce", "everything")
    now, former = after.keys.person_aliases("ada@example.com")[:2]
    with after.store.read() as connection:
        for table in (contacts, feedback):
            persons = set(connection.scalars(sa.select(table.c.person)))
            assert now in persons
            assert former not in persons


def test_many_records_without_a_number_are_each_read_and_followed_alone(ctx: Context) -> None:
    ticks = [
        Feedback(
            f"crm:{place}", "opt_out", "", "salesforce user", ctx.now(), "call text",
            f"salesforce/Contact/{place}", "person", f"person {place}",
        )
        for place in range(1500)
    ]  # fmt: skip
    keys = ctx.keys
    with ctx.store.write() as connection:
        report_log.store(connection, ticks, ctx.now(), keys)
    compared: list[str] = []

    def counted(report: Feedback, later: Collection[Feedback], rules: Rules) -> Any:
        compared.extend(other.key for other in later)
        return apply_lifts(report, later, rules)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(from_reports, "apply_lifts", counted)
        apply_pending(ctx)
    assert len(suppressions.list_suppressions(ctx, limit=2000)) == 1500
    assert compared == []
