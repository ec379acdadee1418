"""What recipients said, by their page or by a reply; opening a link says nothing."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from asking_support import TOML, Ask, messages
from constants import NUMBER, OTHER, PUBLIC_URL
from fastapi.testclient import TestClient
from reports import store_report, stored_reports

from config.settings import Settings
from sandbox.run import Sandbox
from worker.asking import answers, campaigns
from worker.asking.sending import send_due
from worker.context import Context
from worker.queries.timeline import number_timeline
from worker.web.app import make_app

People = Callable[..., list[str]]
AUTO = {"Accept-Language": "en"}


@pytest.fixture
def client(
    asking_ctx: Context, make_settings: Callable[..., Settings], sandbox: Sandbox
) -> TestClient:
    app = make_app(make_settings(TOML, PUBLIC_URL=PUBLIC_URL, **sandbox.env("messages")))
    app.state.ctx.now = lambda: asking_ctx.now()
    return TestClient(app, base_url=PUBLIC_URL, headers=AUTO)


@pytest.fixture
def path(asking_ctx: Context, people: People, ask: Ask, sandbox: Sandbox) -> str:
    """The path of the link that NUMBER was sent."""
    people(NUMBER)
    ask()
    assert send_due(asking_ctx) == 1
    found = re.search(rf"{PUBLIC_URL}(/confirm/\S+)", sandbox.messages.sent[0].body)
    assert found is not None
    return found[1]


def progress(ctx: Context) -> dict[str, int]:
    campaign = campaigns.find(ctx, "spring")
    done = campaigns.progress(ctx, [campaign.id])[campaign.id].as_json()
    return {
        name: done[name]
        for name in ("sent", "opened", "confirmed", "corrected", "not_me", "stopped")
    }


def test_the_number_tells_when_it_was_asked_and_what_was_answered_without_the_words(
    asking_ctx: Context, path: str
) -> None:
    store_report(asking_ctx, "opt_out", source="twilio sms", channels="text")
    answers.collect(asking_ctx)
    told = [event for event in number_timeline(asking_ctx, NUMBER)["timeline"]
            if event["kind"] in ("asked", "answered")]  # fmt: skip
    assert [event["title"] for event in reversed(told)] == [
        "Asked to confirm it, by text (spring)", "The recipient opted out (spring)",
    ]  # fmt: skip
    assert path not in str(told)


def test_opening_the_link_is_counted_and_says_nothing(
    asking_ctx: Context, client: TestClient, path: str
) -> None:
    for _ in range(2):
        assert client.get(path).status_code == 200
    assert stored_reports(asking_ctx) == []
    assert answers.collect(asking_ctx) == 0
    assert progress(asking_ctx) == {
        "sent": 1, "opened": 1, "confirmed": 0, "corrected": 0, "not_me": 0, "stopped": 0,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("answer", "more", "counted", "report", "channels"),
    [
        ("yes", {}, "confirmed", "confirmed", ""),
        ("new", {"number": OTHER}, "corrected", "corrected", ""),
        ("no", {}, "not_me", "wrong_number", ""),
        ("stop", {}, "stopped", "opt_out", ""),
        ("stop_text", {}, "stopped", "opt_out", "text"),
        ("stop_call", {}, "stopped", "opt_out", "call"),
    ],
)
def test_an_answer_is_a_report_and_is_counted_once(
    asking_ctx: Context, client: TestClient, path: str,
    answer: str, more: dict[str, str], counted: str, report: str, channels: str,
) -> None:  # fmt: skip
    client.get(path)
    assert client.post(path, data={"answer": answer, "nonce": "n", **more}).status_code == 200
    [stored] = stored_reports(asking_ctx)
    assert (stored.kind, stored.channels) == (report, channels)
    answers.collect(asking_ctx)
    assert progress(asking_ctx)[counted] == 1
    assert sum(progress(asking_ctx).values()) == 3, "sent, opened, and the answer"


@pytest.mark.usefixtures("path")
def test_an_answer_counts_also_if_the_page_died_before_it_counted_it(asking_ctx: Context) -> None:
    store_report(asking_ctx, "confirmed", source="recipient's page")
    assert answers.collect(asking_ctx) == 1
    assert answers.collect(asking_ctx) == 0
    assert progress(asking_ctx)["confirmed"] == 1


@pytest.mark.usefixtures("path")
def test_a_stop_by_text_counts_and_what_an_agent_logs_does_not(asking_ctx: Context) -> None:
    store_report(asking_ctx, "wrong_number", source="justcall call")
    answers.collect(asking_ctx)
    assert progress(asking_ctx)["not_me"] == 0
    store_report(asking_ctx, "opt_out", channels="text", source="twilio sms")
    answers.collect(asking_ctx)
    assert progress(asking_ctx)["stopped"] == 1


def test_a_link_can_be_answered_for_as_long_as_it_is_waited_for(
    asking_ctx: Context, client: TestClient, path: str
) -> None:
    later = asking_ctx.now() + timedelta(days=30)
    asking_ctx.now = lambda: later
    assert client.get(path).status_code == 404
    assert client.get("/confirm/" + "x" * 16).status_code == 404


class TestOneClickUnsubscribing:
    BODY = "List-Unsubscribe=One-Click"

    def test_stops_everything_also_by_an_old_link(
        self, asking_ctx: Context, client: TestClient, path: str
    ) -> None:
        later = asking_ctx.now() + timedelta(days=90)
        asking_ctx.now = lambda: later
        for _ in range(2):
            assert client.post(f"{path}/unsubscribe", content=self.BODY).status_code == 200
        [stored] = stored_reports(asking_ctx)
        assert (stored.kind, stored.channels, stored.number) == ("opt_out", "", NUMBER)
        assert messages(asking_ctx)[0].answer == "stopped"

    @pytest.mark.parametrize(
        ("content_type", "body"),
        [
            ("application/x-www-form-urlencoded", "List-Unsubscribe=One-Click"),
            (
                "multipart/form-data; boundary=xyz",
                '--xyz\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\n'
                "One-Click\r\n--xyz--\r\n",
            ),
        ],
    )
    def test_is_taken_in_both_forms_that_mail_readers_send(
        self, asking_ctx: Context, client: TestClient, path: str, content_type: str, body: str
    ) -> None:
        """RFC 8058, 3.2: it should be multipart/form-data, and may be the other."""
        headers = {"Content-Type": content_type}
        answer = client.post(f"{path}/unsubscribe", content=body, headers=headers)
        assert answer.status_code == 200
        assert [report.kind for report in stored_reports(asking_ctx)] == ["opt_out"]

    @pytest.mark.parametrize(
        ("content_type", "body"),
        [
            ("multipart/form-data", "List-Unsubscribe=One-Click"),
            ("multipart/form-data; boundary=xyz", "--xyz\r\nList-Unsubscribe"),
            ("multipart/form-data; boundary=xyz", "--xyz\r\n" * 10_000),
            (
                "multipart/form-data; boundary=xyz",
                '--xyz\r\nContent-Disposition: form-data; name="List-Unsubscribe"; '
                'filename="a"\r\n\r\nOne-Click\r\n--xyz--\r\n',
            ),
            ("application/json", '{"List-Unsubscribe": "One-Click"}'),
            ("application/x-www-form-urlencoded", "List-Unsubscribe=One-Click-Not"),
            ("application/x-www-form-urlencoded", "a=b&" * 10_000),
        ],
    )
    def test_is_nothing_else(
        self, asking_ctx: Context, client: TestClient, path: str, content_type: str, body: str
    ) -> None:
        headers = {"Content-Type": content_type}
        answer = client.post(f"{path}/unsubscribe", content=body, headers=headers)
        assert answer.status_code == 400
        assert stored_reports(asking_ctx) == []

    def test_wants_the_words_that_a_mail_reader_posts(
        self, asking_ctx: Context, client: TestClient, path: str
    ) -> None:
        """A program that only looks at links posts nothing."""
        shown = client.get(f"{path}/unsubscribe", follow_redirects=False)
        assert (shown.status_code, shown.headers["location"]) == (303, path)
        assert client.post(f"{path}/unsubscribe", content="").status_code == 400
        assert client.post("/confirm/x/unsubscribe", content=self.BODY).status_code == 404
        assert stored_reports(asking_ctx) == []
