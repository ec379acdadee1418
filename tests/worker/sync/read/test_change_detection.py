"""Contacts that are as we left them go no further; what could change a decision is looked at."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import phonenumbers
import pytest
import sqlalchemy as sa
from crms import Crm
from fixture_types import Sync

from worker.context import Context
from worker.feedback import report_log as feedback_log
from worker.feedback.models import Feedback
from worker.phones import NumberFacts
from worker.store.tables import contacts, pages, verifications
from worker.sync.read import change_detection
from worker.sync.runs import lifecycle
from worker.sync.runs import report as reporting
from worker.verification.providers import offline

_IMPORT = re.compile(r"^from (worker[\w.]*) import \(?([^()]*?)\)?$", re.MULTILINE)


def looked_at(ctx: Context, run: str) -> int:
    """Contacts of a run that were read, verified and decided, not only seen."""
    with ctx.store.read() as connection:
        query = sa.select(sa.func.sum(pages.c.read)).where(
            pages.c.run_id == run, pages.c.attempts > 0
        )
        return int(connection.scalar(query) or 0)


@pytest.fixture
def valid_contact(ctx: Context, crm: Crm, sync: Sync) -> str:
    """A first sync; a contact with a valid number."""
    sync(ctx, crm.name)
    return next(rid for rid in crm.ids() if crm.get(rid, crm.status) == "valid")


class TestWhatIsAsWeLeftIt:
    def test_goes_no_further_and_is_counted_all_the_same(
        self, ctx: Context, crm: Crm, sync: Sync, valid_contact: str
    ) -> None:
        first = reporting.result(ctx, lifecycle.recent(ctx)[0].id)
        again = sync(ctx, crm.name, "everything")
        assert looked_at(ctx, again["run"]) == 0
        assert again["contacts"]["read"] == first["contacts"]["read"]
        assert again["fields"] == first["fields"]
        assert again["sources"] == first["sources"]
        assert again["lookups"]["offline"]["reused"] >= first["lookups"]["offline"]["asked"]
        assert again["state"] == "done"

    def test_moves_the_watermark_as_any_run_does(
        self, ctx: Context, crm: Crm, sync: Sync, valid_contact: str
    ) -> None:
        before = lifecycle.last_full(ctx, crm.name)
        sync(ctx, crm.name, "everything")
        after = lifecycle.last_full(ctx, crm.name)
        assert before is not None
        assert after is not None
        assert after > before


class TestWhatBringsAContactBack:
    def looks(self, ctx: Context, crm: Crm, sync: Sync) -> int:
        return looked_at(ctx, sync(ctx, crm.name, "everything")["run"])

    @pytest.mark.parametrize("key", ["phone", "status", "e164", "line_type"])
    def test_an_edit_of_the_phone_or_of_what_we_wrote(
        self, ctx: Context, crm: Crm, sync: Sync, valid_contact: str, key: str
    ) -> None:
        status = crm.get(valid_contact, crm.status)
        value = {"phone": "n/a", "status": "invalid", "e164": "+1", "line_type": "voip"}[key]
        crm.edit(valid_contact, {f"{key}/{crm.phone}": value})
        assert self.looks(ctx, crm, sync) == 1
        if key != "phone":
            assert crm.get(valid_contact, crm.status) == status, "and it is put right"

    def test_a_flag_that_a_person_sets_or_a_recheck_that_they_tick(
        self, ctx: Context, crm: Crm, sync: Sync, valid_contact: str
    ) -> None:
        crm.edit(valid_contact, {"recheck": True})
        assert self.looks(ctx, crm, sync) == 1
        assert not crm.get(valid_contact, "recheck")
        crm.edit(valid_contact, {"wrong_number": True})
        assert self.looks(ctx, crm, sync) >= 1
        assert crm.get(valid_contact, crm.status) == "wrong_number"

    def test_a_report_about_its_number_from_elsewhere(
        self, ctx: Context, crm: Crm, sync: Sync, valid_contact: str
    ) -> None:
        number = crm.get(valid_contact, f"e164/{crm.phone}")
        report = Feedback("k1", "opt_out", number, "api", ctx.now(), "call text")
        keys = ctx.keys
        with ctx.store.write() as connection:
            feedback_log.store(connection, [report], ctx.now(), keys)
        assert self.looks(ctx, crm, sync) >= 1
        assert crm.get(valid_contact, crm.status) == "do_not_contact"

    def test_an_answer_that_ends(
        self, ctx: Context, crm: Crm, sync: Sync, valid_contact: str
    ) -> None:
        number = crm.get(valid_contact, f"e164/{crm.phone}")
        with ctx.store.write() as connection:
            connection.execute(
                sa.update(verifications)
                .where(verifications.c.number == number)
                .values(expires_at=ctx.now())
            )
            connection.execute(sa.update(contacts).values(fresh_until=ctx.now()))
        assert self.looks(ctx, crm, sync) > 0

    def test_the_end_of_its_first_answer_is_known_beforehand(
        self, ctx: Context, crm: Crm, valid_contact: str
    ) -> None:
        with ctx.store.read() as connection:
            until = connection.scalar(
                sa.select(contacts.c.fresh_until).where(contacts.c.record_id == valid_contact)
            )
            first = connection.scalar(sa.select(sa.func.min(verifications.c.expires_at)))
        assert until is not None
        assert first <= until <= ctx.now() + timedelta(days=180)

    def test_another_policy(
        self,
        ctx: Context,
        make_context: Callable[..., Context],
        crm: Crm,
        sync: Sync,
        valid_contact: str,
    ) -> None:
        other = make_context("[policy]\nnormalize = true\n")
        assert looked_at(other, sync(other, crm.name, "everything")["run"]) > 40

    def test_a_new_release_of_the_numbering_plans(
        self,
        ctx: Context,
        crm: Crm,
        sync: Sync,
        valid_contact: str,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """All are decided anew, and only who holds a number whose verdict changed is written."""
        number = crm.get(valid_contact, f"e164/{crm.phone}")
        before = {rid: crm.get(rid, crm.status) for rid in crm.ids()}
        judged = offline.facts

        def facts(e164: str) -> NumberFacts:
            known = judged(e164)
            if e164 != number:
                return known
            return NumberFacts(False, True, "unknown", known.region, "is not a number any more")

        monkeypatch.setattr(offline, "facts", facts)
        monkeypatch.setattr(offline.OfflineProvider, "edition", "libphonenumber next")
        monkeypatch.setattr(phonenumbers, "__version__", "next")
        again = sync(ctx, crm.name, "everything")
        assert looked_at(ctx, again["run"]) > 40
        assert crm.get(valid_contact, crm.status) == "invalid"
        changed = {rid for rid in crm.ids() if crm.get(rid, crm.status) != before[rid]}
        assert valid_contact in changed
        assert again["contacts"]["written"] == len(changed) <= 3
        assert looked_at(ctx, sync(ctx, crm.name, "everything")["run"]) == 0

    def test_a_forced_run(self, ctx: Context, crm: Crm, sync: Sync, valid_contact: str) -> None:
        assert looked_at(ctx, sync(ctx, crm.name, "everything", force=True)["run"]) > 40

    def test_a_write_that_failed(
        self, ctx: Context, crm: Crm, sync: Sync, valid_contact: str
    ) -> None:
        crm.edit(valid_contact, {f"status/{crm.phone}": "invalid"})
        if crm.name == "salesforce":
            crm.act(valid_contact, {"refuse": "not now"})
        else:
            crm.fault(crm.write_call, "status", status=400, times=1, body={
                "status": "error", "category": "VALIDATION_ERROR", "message":
                'Property values were not valid: [{"isValid":false,"error":"INVALID_OPTION",'
                f'"name":"{crm.field(crm.status)}","message":"no"}}]',
            })  # fmt: skip
        sync(ctx, crm.name, "everything")
        with ctx.store.read() as connection:
            until = connection.scalar(
                sa.select(contacts.c.fresh_until).where(contacts.c.record_id == valid_contact)
            )
        assert until is None, "it is looked at until the CRM has taken it"


@pytest.mark.unit
def test_what_deciding_code_imports_decides_as_well() -> None:
    """Wordings, records and constants aside. Else a release could decide differently, and contacts
    that did not change would go on as they were."""
    worker = Path(change_detection.__file__).parents[2]
    deciding = {
        path for pattern in change_detection._DECIDING_CODE for path in worker.glob(pattern)
    }
    records = {"feedback/models.py", "registries/model.py", "store/pseudonyms.py"}
    names = {
        (module, name.strip())
        for path in deciding if path.suffix == ".py"
        for module, imported in _IMPORT.findall(path.read_text("utf-8"))
        for name in imported.split(",")
    }  # fmt: skip
    modules = {module for module, _ in names} | {f"{module}.{name}" for module, name in names}
    files = {worker.parent / f"{module.replace('.', '/')}.py" for module in modules}
    others = {path.relative_to(worker).as_posix() for path in files - deciding if path.is_file()}
    assert {name for name in others if "wording/" not in name} == records
