"""What a sync writes is an event for endpoints that subscribe to it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import sqlalchemy as sa
from constants import NUMBER
from crms import Crm
from event_receivers import receiving
from fixture_types import Sync
from merging import set_only_number
from reports import deliver_reports, store_report

from worker.context import Context
from worker.events import delivery
from worker.events import endpoints as directory
from worker.store.tables import events


@pytest.fixture
def ctx(make_context: Callable[..., Context]) -> Context:
    return make_context('[events]\nallow_addresses = ["127.0.0.0/8"]\n')


def test_a_number_that_goes_wrong_changes_its_status_and_flags_its_contact(
    ctx: Context, crm: Crm, sync: Sync
) -> None:
    record = crm.ids()[0]
    set_only_number(crm, record, NUMBER)
    sync(ctx, crm.name)
    with receiving() as receiver:
        _endpoint, shown = directory.add(
            ctx, "bi", receiver.url, ("number.status_changed", "contact.flagged"), False, "test"
        )
        receiver.secrets.append(shown.secret)
        store_report(ctx, "wrong_number")
        deliver_reports(ctx, crm.name)
        delivery.deliver(ctx, seconds=5)
        by_type = {message["type"]: message["data"] for message in receiver.messages}
    status = by_type["number.status_changed"]
    assert (status["number"], status["field"], status["from"], status["to"]) == (
        NUMBER, crm.phone, "valid", "wrong_number",
    )  # fmt: skip
    flagged = by_type["contact.flagged"]
    assert flagged["contact"] == f"{crm.name}/{crm.object}/{record}"
    assert flagged["flags"] == {"wrong_number": True}


def test_without_a_subscriber_a_sync_keeps_no_events(ctx: Context, crm: Crm, sync: Sync) -> None:
    sync(ctx, crm.name)
    with ctx.store.read() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(events)) == 0
