"""Deciding replies by the API: several at once, and back again."""

from __future__ import annotations

from typing import Any

import pytest
import requests
import sqlalchemy as sa
from fixture_types import Serve
from vendor_webhooks import receive_twilio_sms

from worker.context import Context
from worker.store.tables import feedback

NUMBERS = ("+14155550123", "+14155550124")


class Reviews:
    """`/api/reviews` with a token."""

    def __init__(self, url: str) -> None:
        self.url = f"{url}/api/reviews"

    def ask(self, method: str, path: str = "", body: Any = None, status: int = 200) -> Any:
        headers = {"Authorization": "Bearer secret"}
        answer = requests.request(method, self.url + path, json=body, headers=headers, timeout=10)
        assert answer.status_code == status, answer.text
        return answer.json()

    def waiting(self) -> list[int]:
        return sorted(review["id"] for review in self.ask("GET")["reviews"])


@pytest.fixture
def api(serve: Serve, ctx: Context) -> Reviews:
    for place, number in enumerate(NUMBERS):
        form = {"From": number, "MessageSid": f"SM{place:032d}", "Body": "how do I unsubscribe?"}
        receive_twilio_sms(ctx, form)
    return Reviews(serve(ADMIN_TOKEN="secret"))


def reported(ctx: Context) -> list[tuple[str, str]]:
    with ctx.store.read() as connection:
        query = sa.select(feedback.c.kind, feedback.c.number).order_by(feedback.c.id)
        return [(row.kind, row.number) for row in connection.execute(query)]


def test_several_are_decided_at_once_and_each_counts_once(api: Reviews, ctx: Context) -> None:
    ids = api.waiting()
    body = {"ids": [*ids, 999], "decision": "opt_out"}
    assert api.ask("POST", body=body) == {"ids": ids}
    assert api.ask("POST", body=body) == {"ids": []}
    assert api.waiting() == []
    assert reported(ctx) == [("opt_out", number) for number in NUMBERS]


def test_a_decision_is_undone_and_makes_nobody_contactable(api: Reviews, ctx: Context) -> None:
    (first, second) = api.waiting()
    api.ask("POST", f"/{first}", {"decision": "opt_in"})
    assert api.waiting() == [second]
    assert api.ask("POST", "/undo", {"ids": [first, second]}) == {"ids": [first]}
    assert api.waiting() == [first, second]
    assert [kind for kind, _ in reported(ctx)] == ["opt_in", "opt_out"]


def test_what_is_no_decision_is_refused(api: Reviews, ctx: Context) -> None:
    (review_id, _) = api.waiting()
    api.ask("POST", f"/{review_id}", {"decision": "perhaps"}, status=422)
    api.ask("POST", body={"ids": [], "decision": "opt_out"}, status=422)
    api.ask("POST", "/999", {"decision": "opt_out"}, status=404)
    assert reported(ctx) == []
