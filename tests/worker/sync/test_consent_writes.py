"""Opt-outs that stand here, and their lifts, are written as consent records: by setting, once for a
person, and nothing else depends on it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
import sqlalchemy as sa
from clocks import advance_clock
from constants import NUMBER
from crms import Crm
from fixture_types import Sync
from metrics import gauges
from reports import deliver_reports, store_report, stored_reports

from sandbox.run import Sandbox
from sandbox.salesforce.org import Refused
from sandbox.salesforce.schema import ADMIN
from sandbox.service import Fault
from worker.context import Context
from worker.feedback.sources.consent_records import poll
from worker.store.tables import consent_writes as rows
from worker.store.tables import feedback
from worker.suppression import suppressions
from worker.suppression.apply_reports import apply_pending
from worker.sync import consent_writes
from worker.sync.propagate import propagate

ON = "[connectors.salesforce.consent_records]\nenabled = true\nwrite = true\n"
CONSENT = "ContactPointTypeConsent"
ANSWERS_LOST: list[dict[str, Any]] = [
    {"kind": "drop_after"}, {"kind": "truncate"}, {"kind": "status", "status": 502},
]  # fmt: skip


@pytest.fixture
def crm(sandbox: Sandbox) -> Crm:
    crm = Crm.all(sandbox)["salesforce"]
    crm.service.org.enable_data_protection()
    return crm


@pytest.fixture
def ctx(make_context: Callable[..., Context]) -> Context:
    return make_context(ON)


@pytest.fixture
def contact_ids(ctx: Context, crm: Crm, sync: Sync) -> list[str]:
    """Two contacts with a number each."""
    ids = crm.ids()[:2]
    others = dict.fromkeys(("phone/MobilePhone", "phone/HomePhone", "phone/OtherPhone"))
    for place, record_id in enumerate(ids):
        crm.edit(record_id, {**others, "phone/Phone": number(place)})
    sync(ctx, "salesforce")
    return ids


def number(place: int) -> str:
    return f"{NUMBER[:-1]}{place}"


def link(crm: Crm, *contact_ids: str) -> str:
    person: str = crm.service.org.create("Individual", {"LastName": "Somebody"})
    for contact_id in contact_ids:
        crm.act(contact_id, {"set": {"IndividualId": person}})
    return person


def consents(crm: Crm) -> list[Mapping[str, Any]]:
    table = crm.service.org.tables[CONSENT]
    return [record for record in table.after_id(None) if not record["IsDeleted"]]


def statuses(crm: Crm) -> list[tuple[str, bool]]:
    """Of each consent record: what it says, and whether that has ended."""
    return [(each["PrivacyConsentStatus"], bool(each.get("EffectiveTo"))) for each in consents(crm)]


def share(crm: Crm, contact_ids: list[str]) -> list[str]:
    """Give contacts, each a person of their own, the same number; return these persons."""
    others = dict.fromkeys(("phone/MobilePhone", "phone/HomePhone", "phone/OtherPhone"))
    for contact_id in contact_ids:
        crm.edit(contact_id, {**others, "phone/Phone": number(0)})
        crm.act(contact_id, {"set": {"Email": f"{contact_id}@example.com"}})
    return [link(crm, contact_id) for contact_id in contact_ids]


def open_rows(ctx: Context) -> int:
    with ctx.store.read() as connection:
        return int(connection.scalar(sa.select(sa.func.count()).select_from(rows)) or 0)


def stop(ctx: Context, place: int = 0, **how: Any) -> None:
    store_report(ctx, "opt_out", number(place), **how)
    deliver_reports(ctx, "salesforce")


def lift(ctx: Context) -> None:
    [entry] = suppressions.list_suppressions(ctx)
    suppressions.lift(ctx, entry.id, "ann", "by telephone")
    deliver_reports(ctx, "salesforce")


def last_counts(ctx: Context) -> dict[str, int]:
    with ctx.store.read() as connection:
        run_id = connection.scalar(sa.select(rows.c.run_id))
    return consent_writes.counts_of(ctx, str(run_id))


class TestAnOptOut:
    def test_is_written_once_for_the_person_as_it_was_said(
        self, ctx: Context, crm: Crm, sync: Sync, contact_ids: list[str]
    ) -> None:
        person = link(crm, contact_ids[0])
        stop(ctx)
        [record] = consents(crm)
        [report] = stored_reports(ctx)
        said = report.at.replace(microsecond=0)
        assert (record["PartyId"], record["ContactPointType"]) == (person, "Phone")
        assert (record["PrivacyConsentStatus"], record["CaptureSource"]) == (
            "OptOut", "Phone hygiene",
        )  # fmt: skip
        assert record["EffectiveFrom"].replace(microsecond=0) == said == record["CaptureDate"]
        assert last_counts(ctx) == {"written": 1}
        stop(ctx, key="again")
        sync(ctx, "salesforce", "everything")
        assert consents(crm) == [record]

    def test_is_written_for_both_who_share_a_number(
        self, ctx: Context, crm: Crm, sync: Sync, contact_ids: list[str]
    ) -> None:
        """Fewer than `feedback.shared_from`: it may be either, and neither is called."""
        persons = share(crm, contact_ids)
        sync(ctx, "salesforce")
        stop(ctx, source="twilio sms")
        assert {record["PartyId"] for record in consents(crm)} == set(persons)

    def test_comes_back_as_no_evidence_also_where_somebody_has_touched_it(
        self, ctx: Context, crm: Crm, contact_ids: list[str]
    ) -> None:
        link(crm, *contact_ids)
        stop(ctx)
        [record] = consents(crm)
        assert poll(ctx, "salesforce") == 0
        crm.service.org.update(CONSENT, record["Id"], {"Name": "Another"}, by=ADMIN)
        advance_clock(ctx, days=1)
        assert poll(ctx, "salesforce") == 0
        assert len(stored_reports(ctx)) == 1
        lift(ctx)
        assert (poll(ctx, "salesforce"), statuses(crm)) == (0, [("OptOut", True)])
        # Once it has ended, somebody who says OptOut again says something.
        again = {"PrivacyConsentStatus": "OptOut", "EffectiveTo": None}
        crm.service.org.update(CONSENT, record["Id"], again, by=ADMIN)
        advance_clock(ctx, days=1)
        assert poll(ctx, "salesforce") == 2  # of both records of the person
        apply_pending(ctx)
        deliver_reports(ctx, "salesforce")
        assert statuses(crm) == [("OptOut", False)]  # and is left as they made it
        assert crm.get(contact_ids[1], "do_not_contact") is True

    def test_stands_while_any_record_of_the_person_is_stopped(
        self, ctx: Context, crm: Crm, contact_ids: list[str]
    ) -> None:
        link(crm, *contact_ids)
        stop(ctx)
        stop(ctx, 1)
        assert statuses(crm) == [("OptOut", False)]
        first = next(e for e in suppressions.list_suppressions(ctx) if e.number == number(0))
        suppressions.lift(ctx, first.id, "ann", "by telephone")
        deliver_reports(ctx, "salesforce")
        assert statuses(crm) == [("OptOut", False)]
        lift(ctx)
        assert statuses(crm) == [("OptOut", True)]

    @pytest.mark.parametrize(
        ("how", "left"),
        [
            ({"source": "api", "channels": ""}, ("OptIn", False)),
            ({"source": "twilio sms", "channels": "text"}, ("OptOut", True)),
        ],
        ids=["in their own words", "by START"],
    )
    def test_becomes_a_consent_only_if_they_agreed_to_calls_and_texts(
        self, ctx: Context, crm: Crm, contact_ids: list[str], how: dict[str, str],
        left: tuple[str, bool],
    ) -> None:  # fmt: skip
        link(crm, contact_ids[0])
        stop(ctx, source="twilio sms", channels="text")
        advance_clock(ctx, minutes=1)
        store_report(ctx, "opt_in", number(0), **how)
        deliver_reports(ctx, "salesforce")
        assert statuses(crm) == [left]
        advance_clock(ctx, minutes=1)
        stop(ctx, key="later")
        assert statuses(crm) == [("OptOut", False)]  # in the same record

    def test_stands_for_a_record_that_no_run_has_read_since_writing_was_turned_on(
        self, make_context: Callable[..., Context], ctx: Context, crm: Crm, contact_ids: list[str]
    ) -> None:
        link(crm, *contact_ids)
        stop(make_context(), 1)  # writing is off: nothing is kept of it
        stop(ctx)
        advance_clock(ctx, minutes=1)
        store_report(ctx, "opt_in", number(0), source="api")
        deliver_reports(ctx, "salesforce")
        assert statuses(crm) == [("OptOut", False)]

    def test_stands_for_a_stop_that_no_run_has_carried_yet(
        self, ctx: Context, crm: Crm, contact_ids: list[str]
    ) -> None:
        link(crm, *contact_ids)
        stop(ctx)
        advance_clock(ctx, minutes=1)
        store_report(ctx, "opt_in", number(0), source="api")
        apply_pending(ctx)
        store_report(ctx, "opt_out", number(1))
        propagate(ctx, "salesforce")
        assert statuses(crm) == [("OptOut", False)]

    @pytest.mark.parametrize("source", ["api", "twilio sms"], ids=["OptIn", "its end"])
    def test_stands_until_we_have_read_every_record_of_the_person(
        self, ctx: Context, crm: Crm, sync: Sync, contact_ids: list[str], source: str
    ) -> None:
        person = link(crm, contact_ids[0])
        stop(ctx, source="twilio sms", channels="text")
        unread = {"LastName": "Somebody", "IndividualId": person}
        crm.service.org.create("Contact", unread)
        advance_clock(ctx, minutes=1)
        channels = "text" if source == "twilio sms" else ""
        store_report(ctx, "opt_in", number(0), source=source, channels=channels)
        deliver_reports(ctx, "salesforce")
        assert statuses(crm) == [("OptOut", False)]
        assert last_counts(ctx) == {"waiting": 1}
        [waiting] = gauges(ctx, "consent_writes_open")
        assert waiting.labels == {"connector": "salesforce", "state": "waiting"}
        sync(ctx, "salesforce")
        advance_clock(ctx, hours=1)
        consent_writes.send_due(ctx)
        assert gauges(ctx, "consent_writes_open") == []
        left = ("OptIn", False) if source == "api" else ("OptOut", True)
        assert statuses(crm) == [left]

    def test_ends_when_its_report_is_taken_back_but_not_with_the_number_on_the_record(
        self, ctx: Context, crm: Crm, sync: Sync, contact_ids: list[str]
    ) -> None:
        link(crm, contact_ids[0])
        stop(ctx)
        crm.edit(contact_ids[0], {"phone/Phone": number(7)})
        sync(ctx, "salesforce")
        assert statuses(crm) == [("OptOut", False)]
        with ctx.store.write() as connection:
            connection.execute(feedback.delete())
        crm.edit(contact_ids[0], {"phone/Phone": number(8)})
        sync(ctx, "salesforce")
        assert statuses(crm) == [("OptOut", True)]


class TestNothingIsWritten:
    def test_for_a_record_that_names_no_person_until_it_does(
        self, ctx: Context, crm: Crm, contact_ids: list[str]
    ) -> None:
        stop(ctx)
        assert (consents(crm), last_counts(ctx)) == ([], {"no_party": 1})
        assert list(crm.service.org.tables["Individual"].after_id(None)) == []
        link(crm, contact_ids[0])
        advance_clock(ctx, days=1)
        consent_writes.send_due(ctx)
        assert statuses(crm) == [("OptOut", False)]

    @pytest.mark.parametrize("kind", ["wrong_number", "undeliverable"])
    def test_that_nobody_said_of_being_contacted(
        self, ctx: Context, crm: Crm, contact_ids: list[str], kind: str
    ) -> None:
        link(crm, contact_ids[0])
        store_report(ctx, kind, number(0))
        deliver_reports(ctx, "salesforce")
        assert consents(crm) == []

    def test_of_those_who_share_a_number_with_many(
        self, ctx: Context, crm: Crm, sync: Sync, contact_ids: list[str]
    ) -> None:
        """One of them said it, nobody knows who. The flags stop all of them."""
        sharing = crm.ids()[:3]
        share(crm, sharing)
        sync(ctx, "salesforce")
        stop(ctx, source="twilio sms")
        assert [crm.get(each, "do_not_contact") for each in sharing] == [True] * 3
        assert (consents(crm), open_rows(ctx)) == ([], 0)

    def test_of_the_others_who_share_a_number_with_somebody_who_is_named(
        self, ctx: Context, crm: Crm, sync: Sync, contact_ids: list[str]
    ) -> None:
        sharing = crm.ids()[:3]
        persons = share(crm, sharing)
        sync(ctx, "salesforce")
        stop(ctx, source="confirm page", contact=f"salesforce/{crm.object}/{sharing[1]}")
        assert [record["PartyId"] for record in consents(crm)] == [persons[1]]
        assert [crm.get(each, "do_not_contact") for each in sharing] == [True] * 3

    def test_of_those_of_whom_we_learn_only_later_that_they_share_it(
        self, ctx: Context, crm: Crm, sync: Sync, contact_ids: list[str],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:  # fmt: skip
        """The pages of a first sync that come first know of few who hold a number."""
        share(crm, contact_ids)
        sync(ctx, "salesforce")
        with monkeypatch.context() as patch:
            patch.setattr(consent_writes, "send_waiting", lambda *_: None)
            stop(ctx, source="twilio sms")
            share(crm, crm.ids()[:3])
            sync(ctx, "salesforce", "everything")
        assert last_counts(ctx) == {"waiting": 2}
        consent_writes.send_due(ctx)
        assert (consents(crm), open_rows(ctx)) == ([], 0)

    def test_by_default_and_in_a_dry_run_which_counts(
        self, make_context: Callable[..., Context], ctx: Context, crm: Crm, sync: Sync,
        contact_ids: list[str],
    ) -> None:  # fmt: skip
        link(crm, contact_ids[0])
        off = make_context()
        stop(off)
        assert consents(crm) == []
        assert sync(off, "salesforce", dry_run=True)["consent_writes"] == {"asked": 0}
        # Turned on, what stands already is found though no contact has changed.
        assert sync(ctx, "salesforce", dry_run=True)["consent_writes"] == {"asked": 1}
        assert consents(crm) == []
        assert sync(ctx, "salesforce")["consent_writes"] == {"written": 1}


class TestARefusal:
    def test_costs_nobody_a_flag_and_is_tried_again(
        self, ctx: Context, crm: Crm, contact_ids: list[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        link(crm, contact_ids[0])
        org = crm.service.org
        create = org.create

        def refuse(name: str, *args: Any, **options: Any) -> Any:
            if name == CONSENT:
                raise Refused("INSUFFICIENT_ACCESS", f"no right to write of {number(0)}")
            return create(name, *args, **options)

        monkeypatch.setattr(org, "create", refuse)
        stop(ctx)
        assert crm.get(contact_ids[0], "do_not_contact") is True
        assert last_counts(ctx) == {"refused": 1}
        with ctx.store.read() as connection:
            [row] = connection.execute(rows.select()).all()
        assert "INSUFFICIENT_ACCESS" in row.message
        assert number(0) not in row.message
        monkeypatch.undo()
        advance_clock(ctx, minutes=6)
        consent_writes.send_due(ctx)
        assert statuses(crm) == [("OptOut", False)]

    def test_of_an_answer_makes_no_second_record(
        self, ctx: Context, crm: Crm, contact_ids: list[str]
    ) -> None:
        link(crm, contact_ids[0])
        stop(ctx)
        lost = {"state": "sending", "written": "", "consent_id": "", "lease_expires_at": ctx.now()}
        with ctx.store.write() as connection:  # as a worker leaves it that died over the answer
            connection.execute(rows.update().values(**lost))
        assert poll(ctx, "salesforce") == 0
        consent_writes.send_due(ctx)
        [record] = consents(crm)
        with ctx.store.read() as connection:
            [row] = connection.execute(rows.select()).all()
        assert (row.state, row.consent_id) == ("written", record["Id"])

    @pytest.mark.parametrize("fault", ANSWERS_LOST, ids=lambda fault: fault["kind"])
    def test_makes_no_second_record_before_it_was_looked_for(
        self, ctx: Context, crm: Crm, contact_ids: list[str], fault: dict[str, Any]
    ) -> None:
        """The call was carried out, or it will be, and no answer came."""
        link(crm, contact_ids[0])
        crm.service.faults.append(Fault(r"POST .*/composite/sobjects", **fault))
        stop(ctx)
        consent_writes.send_due(ctx)
        assert len(consents(crm)) <= 1, "what was sent may still be under way"
        assert last_counts(ctx) == {"waiting": 1}
        advance_clock(ctx, minutes=3)
        consent_writes.send_due(ctx)
        assert statuses(crm) == [("OptOut", False)]
        assert last_counts(ctx) == {"written": 1}
