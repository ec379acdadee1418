"""The doctor finds what is likeliest to be set wrong, and says what to do."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from constants import CLOSED_PORT
from crms import Crm

import connectors
from config.settings import Settings, load
from sandbox.run import Sandbox
from worker.context import Context
from worker.ops import doctor_checks
from worker.ops.check import Check
from worker.ops.doctor import examine
from worker.store import embedded_redis, heartbeat
from worker.store.tables import app_state, contacts, failures, runs
from worker.sync.runs import control
from worker.sync.runs import lifecycle as run_store
from worker.sync.runs.scope import Scope

GOOD_KEY = "q7Xw2pLr9TzVb4NcY8kMs3Dg6HjFa1Eu"


def check_lines(checks: Any) -> str:
    return "\n".join(f"{check.verdict} {check.name}: {check.text}" for check in checks)


SETTINGS: list[tuple[dict[str, str], str, str]] = [
    ({"SECRET_KEY": "changeme"}, "", "SECRET_KEY is easy to guess"),
    ({"ADMIN_PASSWORD": "hygiene", "PUBLIC_URL": "https://a.example"}, "",
     "ADMIN_PASSWORD is easy to guess"),
    ({"ADMIN_TOKEN": "a" * 40}, "", "ADMIN_TOKEN is easy to guess"),
    ({"DATABASE_URL": "postgresql://u:p@db.example/h"}, "", "without sslmode"),
    ({"REDIS_URL": "redis://cache.example:6379/0"}, "", "REDIS_URL has no password"),
    ({"REDIS_URL": "redis://:secret-pw@cache.example:6379/0"}, "", "the database is a file"),
    ({"PUBLIC_URL": "http://127.0.0.1:8000"}, "", "neither recipients nor Twilio can reach it"),
    ({"ADMIN_PASSWORD": GOOD_KEY}, "", "put an https proxy in front"),
    ({"TWILIO_ACCOUNT_SID": "AC1", "TWILIO_AUTH_TOKEN": GOOD_KEY},
     '[verification.budget]\nday = "none"\nmonth = "none"', "can cost any amount"),
    ({}, "[log]\nlevel = 'debug'", "log.level is debug"),
    ({}, "[http]\nfirst_wait = 1.0", "http.first_wait is deprecated: use backoff_initial"),
    ({}, "[retention]\nwrites='0d'\nlookups='0d'\nruns='0d'\nreplies='0d'", "ever deleted"),
    ({}, "", "nobody gets alerts"),
    ({"ALERT_CHANNEL_OPS_URL": "https://hooks.example/x"},
     '[alerts.channels.ops]\nkind = "slack"\n[alerts.routes]\nbudget = ["ops"]',
     "nobody gets alerts of the kinds run_failed, breaker_open, segment_isolated"),
    ({}, "[sync]\nevery = '12h'", "a STOP typed into the CRM waits"),
    ({"HUBSPOT_ACCESS_TOKEN": "t", "HUBSPOT_API_URL": f"http://{CLOSED_PORT}"}, "",
     "HUBSPOT_API_URL is on this machine: a stand-in"),
]  # fmt: skip


class TestSettings:
    @pytest.mark.parametrize(("env", "toml", "wanted"), SETTINGS)
    def test_that_are_unwise_are_named(
        self, env: dict[str, str], toml: str, wanted: str, tmp_path: Path
    ) -> None:
        path = tmp_path / "hygiene.toml"
        path.write_text(toml)
        settings = load({"HYGIENE_HOME": str(tmp_path), "HYGIENE_CONFIG": str(path), **env})
        assert wanted in check_lines(doctor_checks.check_settings(settings, {}))

    def test_that_are_wise_leave_nothing_to_say(self, tmp_path: Path) -> None:
        settings = load({
            "HYGIENE_HOME": str(tmp_path), "SECRET_KEY": GOOD_KEY, "ADMIN_TOKEN": GOOD_KEY,
            "ADMIN_PASSWORD": GOOD_KEY, "PUBLIC_URL": "https://hygiene.example.com",
            "DATABASE_URL": "postgresql://u:p@db.example/h?sslmode=verify-full",
            "REDIS_URL": "rediss://:pw@cache.example:6379/0", "HUBSPOT_ACCESS_TOKEN": GOOD_KEY,
            "ALERT_WEBHOOK_URL": "https://chat.example.com/hook",
        })  # fmt: skip
        assert check_lines(doctor_checks.check_settings(settings, {})) == ""

    def test_files_that_others_can_read_are_named(self, tmp_path: Path) -> None:
        key = tmp_path / "key.pem"
        key.write_text("x")
        key.chmod(0o644)
        settings = load({
            "HYGIENE_HOME": str(tmp_path), "SALESFORCE_LOGIN_URL": "https://a.my.salesforce.com",
            "SALESFORCE_CLIENT_ID": "i", "SALESFORCE_USERNAME": "u",
            "SALESFORCE_PRIVATE_KEY_FILE": str(key),
        })  # fmt: skip
        assert f"chmod go-rwx {key}" in check_lines(doctor_checks.check_settings(settings, {}))

    def test_checks_of_certificates_that_are_turned_off_are_named(self, tmp_path: Path) -> None:
        settings = load({"HYGIENE_HOME": str(tmp_path)})
        assert "certificate checks" in check_lines(
            doctor_checks.check_settings(settings, {"PYTHONHTTPSVERIFY": "0"})
        )


class TestRedis:
    def test_that_throws_messages_away_is_named(
        self, make_settings: Callable[..., Settings]
    ) -> None:
        settings = make_settings()
        embedded_redis.ensure(settings.home)
        try:
            assert "noeviction" not in check_lines(doctor_checks.check_redis(settings))
            client = embedded_redis.client(embedded_redis.url(settings.home))
            client.config_set("maxmemory", "100mb")
            client.config_set("maxmemory-policy", "allkeys-lru")
            assert "set it to noeviction" in check_lines(doctor_checks.check_redis(settings))
        finally:
            embedded_redis.stop(settings.home)


class TestWork:
    def test_that_nobody_does_is_named(self, ctx: Context) -> None:
        assert "start a worker and beat" in check_lines(doctor_checks.check_work(ctx))
        heartbeat.record(ctx.store, ctx.now())
        assert "ok queue" in check_lines(doctor_checks.check_work(ctx))

    def test_a_run_that_has_been_paused_for_long_is_named(self, ctx: Context) -> None:
        run_id = run_store.open_run(ctx, "hubspot", Scope("everything"))
        control.pause(ctx, run_id, "kim")
        with ctx.store.write() as connection:
            at = ctx.now() - timedelta(days=3)
            connection.execute(sa.update(runs).values(opened_at=at))
        assert f"hygiene runs resume {run_id}" in check_lines(doctor_checks.check_work(ctx))

    def test_many_records_that_fail_are_named(self, ctx: Context) -> None:
        rows = [
            {"connector": "hubspot", "object": "contacts", "record_id": str(n), "message": "no",
             "kind": "validation", "retry": False, "attempts": 1, "run_id": "r", "at": ctx.now()}
            for n in range(120)
        ]  # fmt: skip
        with ctx.store.write() as connection:
            connection.execute(sa.insert(failures), rows)
        assert "hubspot: 120 records cannot be written (validation)" in check_lines(
            doctor_checks.check_work(ctx)
        )

    def test_contacts_without_a_country_are_named(
        self, ctx: Context, sync: Callable[..., Any], sandbox: Sandbox
    ) -> None:
        sync(ctx, "hubspot")
        assert "default_country" not in check_lines(doctor_checks.check_work(ctx))
        with ctx.store.write() as connection:
            connection.execute(sa.update(contacts).values(country=""))
        assert "set connectors.hubspot.default_country" in check_lines(
            doctor_checks.check_work(ctx)
        )


class TestACrm:
    def test_whose_clock_is_another_is_named(self, ctx: Context, crm: Crm) -> None:
        crm.service.clock.skew = timedelta(minutes=3)
        ctx.connector(crm.name, fresh=True)
        assert "clock" in check_lines(doctor_checks.check_crm(ctx, crm.name))

    def test_with_few_calls_left_is_named(self, ctx: Context, sandbox: Sandbox) -> None:
        sandbox.hubspot.used = int(sandbox.hubspot.daily_limit * 0.9)
        ctx.connector("hubspot", fresh=True)
        assert "API calls are left today" in check_lines(doctor_checks.check_crm(ctx, "hubspot"))


def test_it_goes_through_all_of_them_and_ends(
    make_settings: Callable[..., Settings], ctx: Context
) -> None:
    with ctx.store.write() as connection:
        connection.execute(sa.delete(app_state))
    checks = list(examine(make_settings()))
    assert all(isinstance(check, Check) for check in checks)
    assert {"settings", "database", "redis", "salesforce", "hubspot", "queue"} <= {
        check.name for check in checks
    }
    assert not [check for check in checks if check.verdict == "problem"]


class TestHubSpotsOwnMessages:
    """What we cannot set from outside is said, with what keeps people from being written to."""

    def test_are_warned_of_until_the_list_is_there(
        self, make_settings: Callable[..., Settings], sandbox: Sandbox
    ) -> None:
        settings = make_settings()

        def messages_check() -> Check:
            (check,) = [c for c in examine(settings) if "SMS and WhatsApp" in c.text]
            return check

        assert messages_check().verdict == "warning"
        assert "hygiene crm setup hubspot" in messages_check().text
        sandbox.hubspot.scopes.add("crm.lists.write")
        opened = connectors.build("hubspot", settings)
        list(opened.provision())
        opened.close()
        assert messages_check().verdict == "ok"
        assert "Phone hygiene: do not text" in messages_check().text

    def test_are_warned_of_where_lists_may_not_be_read(
        self, make_settings: Callable[..., Settings], sandbox: Sandbox
    ) -> None:
        sandbox.hubspot.scopes.discard("crm.lists.read")
        text = check_lines(examine(make_settings()))
        assert "cannot be set on HubSpot's own SMS and WhatsApp" in text
        assert "crm.lists.read" in text
