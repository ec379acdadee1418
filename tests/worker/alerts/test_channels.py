"""Each kind of channel: the same suite over all of them, and what is special about each.

The services are servers on this machine that refuse what the real ones refuse
(`channel_services`). A new kind passes by being listed in `SERVICES`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, get_args

import pytest
from channel_services import Mail, Slack, Teams, WebService
from limits import lower_limits

from config.alerts import AlertSettings, ChannelSettings, url_variable
from config.redaction import redact_secrets
from config.settings import Settings, SettingsError, load
from worker.alerts import channels
from worker.alerts.channels import ChannelError
from worker.alerts.formats.plain import plain
from worker.alerts.message import Message, Section, Table

SERVICES: dict[str, Callable[[], Any]] = {
    "email": Mail, "slack": Slack, "teams": Teams, "webhook": WebService,
}  # fmt: skip
NAME = "ops"
ALERT = Message(
    "run:1", "run_failed", "hubspot: run 1 failed", "hubspot: run 1 failed\nThe token expired.",
    link="https://hygiene.example/runs/1",
)  # fmt: skip
NASTY = "<!channel> <https://evil.example|here> *b* _i_ `c` ~s~ [x](https://evil.example) R&D <b>"
DIGEST = Message(
    "digest:2026-W47", "digest", "Week 47", "12 contacts were checked.",
    (
        Section("What changed", ("All is well.",), Table(
            ("status", "now", "change"), (("valid", "70", "+2"), (NASTY, "5", "-1")),
        ), "/segments"),
        Section("What it cost", ("Nothing.",)),
    ),
    "https://hygiene.example/",
)  # fmt: skip


def huge() -> Message:
    """More than any of the services takes: many sections, long lines, a table without end."""
    wide = "& <wörter> " * 300
    rows = tuple((f"source {n} {NASTY}", str(n), "🟢" * 30) for n in range(400))
    sections = [Section(f"Part {n}", (wide, "short")) for n in range(40)]
    sections.insert(1, Section("Table", (), Table(("source", "n", "state"), rows)))
    return Message(
        "digest:2026-W47",
        "digest",
        "A & <title> " * 100,
        wide,
        tuple(sections),
        "https://h.example/",
    )


@pytest.fixture(params=SERVICES)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def service(kind: str) -> Iterator[Any]:
    assert Mail in SERVICES.values()  # which names it, so that the marker of these tests is right
    stand_in = SERVICES[kind]()
    yield stand_in
    stand_in.stop()


def settings_for(kind: str, url: str, tmp_path: Path) -> Settings:
    to = ("ops@example.com", "team@example.com") if kind == "email" else ()
    return Settings(
        home=tmp_path,
        database_url=f"sqlite:///{tmp_path}/hygiene.db",
        smtp_url=url if kind == "email" else "",
        alert_channel_urls={} if kind == "email" else {url_variable(NAME): url},
        alerts=AlertSettings(
            email_from="hygiene@example.com",
            channels={NAME: ChannelSettings(kind=kind, to=to)},  # type: ignore[arg-type]
        ),
    )


@pytest.fixture
def settings(kind: str, service: Any, tmp_path: Path) -> Settings:
    return settings_for(kind, service.url, tmp_path)


def test_every_kind_is_listed() -> None:
    assert set(SERVICES) == set(get_args(ChannelSettings.model_fields["kind"].annotation))


class TestEachKind:
    def test_brings_an_alert_with_its_link(self, settings: Settings, service: Any) -> None:
        channels.send(settings, NAME, ALERT)
        (taken,) = service.got
        shown = service.shown(taken)
        assert "hubspot: run 1 failed" in shown
        assert "The token expired." in shown
        assert service.links(taken) == ["https://hygiene.example/runs/1"]

    def test_says_where_to_look_without_a_public_address(
        self, kind: str, settings: Settings, service: Any
    ) -> None:
        channels.send(settings, NAME, Message("k", "budget", "t", "spent", link="/spend"))
        (taken,) = service.got
        assert "/spend" in service.shown(taken)
        assert service.links(taken) == (["/spend"] if kind == "webhook" else [])

    def test_brings_sections_and_tables(self, kind: str, settings: Settings, service: Any) -> None:
        channels.send(settings, NAME, DIGEST)
        (taken,) = service.got
        shown = service.shown(taken)
        assert "12 contacts were checked." in shown
        if kind == "webhook":  # a program asks the API for more
            assert taken["kind"] == "digest"
            return
        for words in ("What changed", "All is well.", "What it cost", "Nothing.", "70", "+2"):
            assert words in shown

    def test_shows_words_from_outside_as_they_are(
        self, kind: str, settings: Settings, service: Any
    ) -> None:
        title = f"source={NASTY} is isolated"
        channels.send(
            settings, NAME, Message("k", "budget", title, title, link="https://h.example")
        )
        (taken,) = service.got
        assert title.replace("~", "") in service.shown(taken).replace("~", "")
        assert service.links(taken) == ["https://h.example"]

    def test_keeps_to_the_limits_of_the_service(
        self, kind: str, settings: Settings, service: Any
    ) -> None:
        channels.send(settings, NAME, huge())
        (taken,) = service.got
        if kind in ("slack", "teams"):
            assert "too long" in service.shown(taken)
        if kind != "webhook":
            assert "https://h.example/" in service.links(taken)

    @pytest.mark.parametrize("size", [0, 1, 140, 149, 150, 151, 2990, 2999, 3000, 3001, 6000])
    def test_keeps_to_them_at_their_edges(
        self, settings: Settings, service: Any, size: int
    ) -> None:
        for letter in ("x", "&", "🟢", "ü"):
            text = letter * size or "x"
            section = Section("s", (text,), Table(("a", "b"), ((text, "1"), ("y", "2"))))
            channels.send(settings, NAME, Message("k", "budget", text, f"{text}!", (section,), "/"))
        assert len(service.got) == 4

    def test_says_what_is_wrong_without_its_secret(
        self, kind: str, service: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        service.stop()  # nobody answers there any more
        url = service.url.replace("smtp://", "smtp://kim:very-secret-word@")
        settings = settings_for(kind, url, tmp_path)
        with pytest.raises(ChannelError) as caught:
            channels.send(settings, NAME, ALERT)
        assert NAME in str(caught.value)
        assert "secret" not in str(caught.value) + caplog.text
        assert not caught.value.refused

    def test_is_given_up_when_the_service_hangs(
        self, settings: Settings, service: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        lower_limits(monkeypatch, alert_deadline=0.3)
        service.seconds = 2.0
        with pytest.raises(ChannelError):
            channels.send(settings, NAME, ALERT)


class TestWebhooks:
    """What holds for every kind that is called by HTTP."""

    @pytest.fixture(params=[kind for kind in SERVICES if kind != "email"])
    def kind(self, request: pytest.FixtureRequest) -> str:
        return str(request.param)

    @pytest.mark.parametrize(
        ("header", "wait"),
        [("30", 30), ("", None), ("soon", None), ("inf", 86_400), ("9e9", 86_400), ("-5", 0)],
    )
    def test_say_how_long_they_want_to_be_left_alone(
        self, settings: Settings, service: Any, header: str, wait: int | None
    ) -> None:
        service.status = 429
        service.headers = {"Retry-After": header} if header else {}
        with pytest.raises(ChannelError, match="429") as caught:
            channels.send(settings, NAME, ALERT)
        assert caught.value.wait == (None if wait is None else timedelta(seconds=wait))
        assert not caught.value.refused

    @pytest.mark.parametrize(
        ("status", "refused"),
        [(400, True), (413, True), (403, False), (404, False), (410, False), (500, False)],
    )
    def test_take_exception_to_a_message_or_to_us(
        self, settings: Settings, service: Any, status: int, refused: bool
    ) -> None:
        service.status = status
        with pytest.raises(
            ChannelError, match=rf"ops: [\w ]+ answered {status} \(no_service\)"
        ) as caught:
            channels.send(settings, NAME, ALERT)
        assert caught.value.refused == refused

    @pytest.mark.parametrize(
        ("status", "meaning"),
        [
            (302, "Set ALERT_CHANNEL_OPS_URL to the final address and restart"),
            (403, "Check the webhook there, or set a new one in ALERT_CHANNEL_OPS_URL"),
            (404, "set its address in ALERT_CHANNEL_OPS_URL and restart"),
            (413, "Other messages are still sent"),
            (429, "sent again later"),
            (503, "sent again later"),
        ],
    )
    def test_explain_what_a_status_means_and_what_to_do(
        self, settings: Settings, service: Any, kind: str, status: int, meaning: str
    ) -> None:
        service.status = status
        with pytest.raises(ChannelError) as caught:
            channels.send(settings, NAME, ALERT)
        name = {"slack": "Slack", "teams": "Microsoft Teams", "webhook": "the webhook"}[kind]
        assert str(caught.value).startswith(f"ops: {name} answered {status}")
        assert meaning in str(caught.value)
        assert len(str(caught.value)) < 255  # what the table keeps of it

    def test_are_not_followed_elsewhere(self, settings: Settings, service: Any) -> None:
        service.status, service.headers = 307, {"Location": "/elsewhere"}
        with pytest.raises(ChannelError, match="307"):
            channels.send(settings, NAME, ALERT)
        assert service.calls == 1


def test_the_address_of_a_channel_is_redacted_also_as_http_clients_quote_it() -> None:
    secret = "/services/T0FICTION/B0FICTION/qwertyuiopasdfgh"
    with pytest.raises(SettingsError, match="has no channel of this name"):
        load({"ALERT_CHANNEL_SLACK_OPS_URL": f"https://hooks.example{secret}"})
    quoted = f"Max retries exceeded with url: {secret} (Caused by ...)"
    assert "qwertyuiop" not in redact_secrets(quoted)


class TestEmail:
    @pytest.fixture
    def kind(self) -> str:
        return "email"

    def test_has_plain_text_and_html_that_say_the_same(
        self, settings: Settings, service: Mail
    ) -> None:
        channels.send(settings, NAME, DIGEST)
        (mail,) = service.got
        assert mail.get_content_type() == "multipart/alternative"
        assert service.shown(mail).strip() == plain(DIGEST).strip()
        words = " ".join(service.page(mail).words)
        for part in ("Week 47", "12 contacts were checked.", "What changed", "70", NASTY):
            assert part in words

    def test_loads_nothing_and_runs_nothing(self, settings: Settings, service: Mail) -> None:
        channels.send(settings, NAME, huge())
        (mail,) = service.got
        page = service.page(mail)
        assert page.loads == []
        assert not page.tags & {"img", "script", "link", "iframe", "form", "object", "svg", "b"}

    def test_names_the_setting_where_every_address_is_refused(
        self, settings: Settings, service: Mail
    ) -> None:
        service.unknown = {"ops@example.com", "team@example.com"}
        with pytest.raises(ChannelError) as caught:
            channels.send(settings, NAME, ALERT)
        assert "Check to in [alerts.channels.ops]" in str(caught.value)

    def test_is_marked_as_sent_by_a_program_and_known_when_it_comes_twice(
        self, settings: Settings, service: Mail
    ) -> None:
        channels.send(settings, NAME, ALERT)
        channels.send(settings, NAME, ALERT)
        channels.send(settings, NAME, DIGEST)
        first, second, other = service.got
        assert first["Auto-Submitted"] == "auto-generated"
        assert first["Message-ID"] == second["Message-ID"] != other["Message-ID"]
        assert first["To"] == "ops@example.com, team@example.com"
        assert first["From"] == "hygiene@example.com"

    def test_has_one_subject_line_whatever_the_title_holds(
        self, settings: Settings, service: Mail
    ) -> None:
        channels.send(settings, NAME, Message("k", "budget", "a\r\nBcc: x@example.com", "b"))
        (mail,) = service.got
        assert mail["Bcc"] is None
        assert mail["Subject"] == "Phone Hygiene: a Bcc: x@example.com"

    def test_reaches_the_others_where_one_address_is_refused(
        self, settings: Settings, service: Mail, caplog: pytest.LogCaptureFixture
    ) -> None:
        service.unknown = {"ops@example.com"}
        channels.send(settings, NAME, ALERT)
        assert len(service.got) == 1
        assert "takes mail for 1 of 2 addresses" in caplog.text
        assert "example.com" not in caplog.text

    @pytest.mark.parametrize(
        ("reply", "remedy"),
        [
            ("451 try later", "sent again later"),
            ("550 no", "Check email_from in [alerts]"),
            ("421 closing", "sent again later"),
        ],
    )
    def test_is_tried_again_where_the_server_refuses(
        self, settings: Settings, service: Mail, reply: str, remedy: str
    ) -> None:
        service.reply = reply
        text = rf"ops: the mail server refuses the sender \({reply[:3]}\)\. .*{re.escape(remedy)}"
        with pytest.raises(ChannelError, match=text):
            channels.send(settings, NAME, ALERT)
        assert service.got == []
