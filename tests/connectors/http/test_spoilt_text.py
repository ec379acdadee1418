"""One spoilt text in a CRM costs nobody else their read, and is never written back."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import sqlalchemy as sa
from crms import Crm
from fixture_types import Sync

from connectors.http import lenient_json
from connectors.http.lenient_json import decode
from sandbox.run import Sandbox
from worker.context import Context
from worker.store.tables import writes
from worker.sync.runs.scope import Scope
from worker.sync.undo import undo

MARK = "SPOILT-HERE"
READS = r"/query|/contacts[/?]|/jobs/query/.*/results"
SPOILT = {
    "half an emoji": "\\ud83d",
    "the other half": "\\ude00",
    "both, the wrong way round": "\\ude00\\ud83d",
    "a NUL": "\\u0000",
    "bytes that are no UTF-8": "\udcff\udcfe",
    "half an emoji in UTF-8": "\udced\udca0\udcbd",
    "a control character": "\x01",
    "a NUL byte": "\x00",
}


def put_damaged_number(crm: Crm, put: str) -> str:
    """Somebody's number is followed by such a text; the id of the record."""
    target = next(rid for rid in crm.ids() if crm.get(rid, f"phone/{crm.phone}"))
    crm.edit(target, {f"phone/{crm.phone}": f"+1 415 555 2671 {MARK}"})
    crm.fault(READS, "alter", how=MARK, body=put, times=10**6)
    return target


@pytest.mark.parametrize("put", SPOILT.values(), ids=SPOILT)
def test_one_such_record_does_not_make_the_crm_unreadable(
    ctx: Context, crm: Crm, sync: Sync, put: str
) -> None:
    target = put_damaged_number(crm, put)
    result = sync(ctx, crm.name)
    assert result["state"] == "done"
    assert crm.all_checked(but=target)
    assert crm.get(target, crm.status)  # it, too, is looked at


def test_a_bulk_result_with_such_a_record_is_read(
    make_context: Callable[..., Context], sandbox: Sandbox, sync: Sync
) -> None:
    crm = Crm.all(sandbox)["salesforce"]
    for put in ("\udcff\udcfe", "\x00"):
        crm.service.faults.clear()
        target = put_damaged_number(crm, put)
        ctx = make_context("[connectors.salesforce]\nbulk_from = 1\n")
        assert sync(ctx, crm.name, scope=Scope("everything"))["state"] == "done"
        assert crm.all_checked(but=target)


def test_postgresql_stores_such_a_record_and_the_reason_of_an_error(
    make_context: Callable[..., Context], either_database_url: str, crm: Crm, sync: Sync
) -> None:
    ctx = make_context(DATABASE_URL=either_database_url)
    put_damaged_number(crm, "\\u0000\\ud83d")
    assert sync(ctx, crm.name)["state"] == "done"
    body = b'{"message": "no \\ud83d\\u0000 way"}' if crm.name == "hubspot" else (
        b'[{"errorCode": "X", "message": "no \\ud83d\\u0000 way"}]'
    )  # fmt: skip
    crm.fault(crm.read_call, "status", status=400, body=body, times=10**6)
    with pytest.raises(Exception, match="no \ufffd\ufffd way"):
        sync(ctx, crm.name, scope=Scope("everything"))


def test_what_was_repaired_is_never_written_back(
    make_context: Callable[..., Context], crm: Crm, sync: Sync
) -> None:
    ctx = make_context("[policy]\nnormalize = true\n")
    target = put_damaged_number(crm, "\\ud83d")
    typed = crm.get(target, f"phone/{crm.phone}")
    result = sync(ctx, crm.name)
    assert crm.get(target, f"phone/{crm.phone}") == typed
    undo.undo(ctx, result["run"])
    assert crm.get(target, f"phone/{crm.phone}") == typed
    with ctx.store.read() as connection:
        rows = connection.execute(sa.select(writes).where(writes.c.record_id == target)).all()
    assert not any(f"phone/{crm.phone}" in row.after for row in rows)


class TestDecoding:
    def test_what_is_in_order_is_read_as_it_is(self) -> None:
        assert decode(b'{"a": "\\ud83d\\ude00 \\\\ud83d \\\\u0000", "b": [1, 2.5, null]}') == {
            "a": "\U0001f600 \\ud83d \\u0000", "b": [1, 2.5, None],
        }  # fmt: skip

    @pytest.mark.parametrize("raw", [
        b'{"a": NaN, "ok": 1}', b'{"a": -Infinity, "ok": 1}', b'{"a": 1e999, "ok": 1}',
        b'{"a": ' + b"9" * 6000 + b', "ok": 1}', b'\xef\xbb\xbf{"a": null, "ok": 1}',
        b'{"a": 2, "a": null, "ok": 1}',
    ])  # fmt: skip
    def test_numbers_that_are_none_cost_nothing_else(self, raw: bytes) -> None:
        assert decode(raw) == {"a": None, "ok": 1}

    @pytest.mark.parametrize(
        "raw", [b"", b'{"a": ', b"<html>", b"[" * 200_000 + b"]" * 200_000, b"\xff"]
    )
    def test_what_is_no_json_is_said_to_be_none(self, raw: bytes) -> None:
        with pytest.raises(ValueError, match=r"line \d|empty"):
            decode(raw)

    def test_whole_answers_are_decoded_by_the_fast_way_alone(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(lenient_json, "_ESCAPES", None)
        assert decode(b'{"id": "1", "name": "\xc3\x85sa"}') == {"id": "1", "name": "\u00c5sa"}
