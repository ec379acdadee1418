"""Channels, routes and the digest: each mistake is one line that names the setting."""

from __future__ import annotations

from pathlib import Path

import pytest

from config import effective
from config.alerts import KINDS
from config.settings import Settings, SettingsError, load

SLACK = '[alerts.channels.slack-ops]\nkind = "slack"\n'
URL = "https://hooks.example/services/T0FICTION/B0FICTION/abcdefghijkl"
GIVEN = {"ALERT_CHANNEL_SLACK_OPS_URL": URL}


def read(tmp_path: Path, text: str, **env: str) -> Settings:
    path = tmp_path / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return load({"HYGIENE_CONFIG": str(path), **env})


MISTAKES = [
    (f'{SLACK}[alerts.routes]\nrun_faild = ["slack-ops"]', GIVEN,
     "alerts.routes.run_faild: no such kind of alert; did you mean 'run_failed'? (known: run_fa"),
    (f'{SLACK}[alerts.routes]\nbudget = ["slack-op"]', GIVEN,
     "alerts.routes.budget: no channel 'slack-op'; did you mean 'slack-ops'? (known: slack-ops)"),
    ('[alerts.routes]\nbudget = ["slack"]', {},
     "alerts.routes.budget: no channel 'slack' (known: none; add [alerts.channels.NAME])"),
    ('[alerts.routes]\nbudget = ["email"]', {},
     "alerts.routes.budget: the channel 'email' is not set up; set SMTP_URL and alerts.email_to"),
    ('[alerts.routes]\nbudget = ["webhook"]', {}, "is not set up; set ALERT_WEBHOOK_URL"),
    (SLACK, {}, "ALERT_CHANNEL_SLACK_OPS_URL: missing; alerts.channels.slack-ops needs it"),
    (SLACK, {"ALERT_CHANNEL_SLACK_OPS_URL": "hooks.example/abc"},
     "ALERT_CHANNEL_SLACK_OPS_URL: write a full address"),
    (SLACK, {"ALERT_CHANNEL_SLACK_OPS_URL": "http://hooks.example/abc"}, "use https://"),
    (SLACK, {**GIVEN, "ALERT_CHANNEL_SLACK_OP_URL": URL},
     "ALERT_CHANNEL_SLACK_OP_URL: [alerts.channels] has no channel of this name; did you mean "
     "'ALERT_CHANNEL_SLACK_OPS_URL'?"),
    ('[alerts.channels.ops]\nkind = "slak"', {},
     "alerts.channels.ops.kind: Input should be 'email'"),
    ('[alerts.channels.ops]\nkind = "slack"\nurl = "x"', {}, "alerts.channels.ops.url: no such"),
    ('[alerts.channels.Ops]\nkind = "slack"', {}, "alerts.channels.Ops: name a channel with a-z"),
    ('[alerts.channels.email]\nkind = "slack"', {}, "alerts.channels.email: this name is taken"),
    ('[alerts.channels.ops]\nkind = "email"', {"SMTP_URL": "smtp://h"},
     "alerts.channels.ops.to: missing; name the addresses"),
    ('[alerts.channels.ops]\nkind = "email"\nto = ["kim"]', {"SMTP_URL": "smtp://h"},
     "alerts.channels.ops.to: not an email address (it says 'kim')"),
    ('[alerts.channels.ops]\nkind = "email"\nto = ["a@b.example"]', {}, "SMTP_URL: missing"),
    ('[alerts.channels.ops]\nkind = "slack"\nto = ["a@b.example"]',
     {"ALERT_CHANNEL_OPS_URL": URL}, "alerts.channels.ops.to: only a channel of kind email"),
    ('[alerts.channels.it]\nkind = "teams"',
     {"ALERT_CHANNEL_IT_URL": "https://acme.webhook.office.com/webhookb2/abc"},
     "ALERT_CHANNEL_IT_URL: this is an Office 365 connector, which Microsoft has retired"),
    (f'{SLACK}[alerts.digest]\nchannels = ["slack-oops"]', GIVEN,
     "alerts.digest.channels: no channel 'slack-oops'; did you mean 'slack-ops'?"),
    ('[alerts.digest]\nzone = "Europe/Wien"', {},
     "alerts.digest.zone: this machine knows no time zone 'Europe/Wien'"),
    ('[alerts.digest]\nzone = "../etc/passwd"', {}, "alerts.digest.zone: this machine knows no"),
    ('[alerts.digest]\nzone = "Europe"', {}, "alerts.digest.zone: this machine knows no"),
    ('[alerts.digest]\nzone = ""', {}, "alerts.digest.zone: this machine knows no time zone ''"),
    ('[alerts.digest]\nday = "mon"', {}, "alerts.digest.day: Input should be 'monday', "),
    ("[alerts.digest]\nhour = 24", {}, "alerts.digest.hour: Input should be less than or equal"),
]  # fmt: skip


@pytest.mark.parametrize(("toml", "env", "wanted"), MISTAKES)
def test_a_mistake_is_one_line(toml: str, env: dict[str, str], wanted: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        read(tmp_path, toml, **env)
    (line,) = caught.value.problems
    assert wanted in line
    assert "abcdefghijkl" not in line


def test_every_kind_can_be_routed(tmp_path: Path) -> None:
    routes = "\n".join(f'{kind} = ["slack-ops"]' for kind in KINDS)
    settings = read(tmp_path, f"{SLACK}[alerts.routes]\n{routes}", **GIVEN)
    assert set(settings.alerts.routes) == set(KINDS)


def test_an_address_may_stand_in_a_file(tmp_path: Path) -> None:
    secret = tmp_path / "url"
    secret.write_text(f"{URL}\n", encoding="utf-8")
    settings = read(tmp_path, SLACK, ALERT_CHANNEL_SLACK_OPS_URL_FILE=str(secret))
    assert settings.alert_channel_urls == {"ALERT_CHANNEL_SLACK_OPS_URL": URL}


def test_an_address_is_never_shown(tmp_path: Path) -> None:
    settings = read(tmp_path, SLACK, **GIVEN)
    shown = {setting.name: setting.value for setting in effective.describe(settings)}
    assert shown["alerts.channels.slack-ops.kind"] == "slack"
    assert shown["ALERT_CHANNEL_SLACK_OPS_URL"] == "•••••• (set)"
    assert "abcdefghijkl" not in repr(settings) + repr(shown)
