"""Check for the likeliest wrong settings of an installation that otherwise works.

Each function checks one of them and yields a line that says what to do, or nothing if all is well.
`worker.ops.doctor` calls them all.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import redis
import sqlalchemy as sa

from config import connections
from config.alerts import KINDS
from config.credentials import SalesforceCredentials
from config.former_names import find_former_names
from config.redis_url import is_unchecked
from config.settings import Settings
from connectors.errors import ConnectorError
from worker.alerts.channels import channels, route
from worker.asking import email_opt_outs
from worker.asking.senders import SENDERS
from worker.context import Context
from worker.events import backfill, endpoints
from worker.feedback import reply_model
from worker.feedback.sources import call_outcomes
from worker.feedback.sources.vendor_registry import VENDORS
from worker.ops import former_records
from worker.ops.check import Check, warning
from worker.ops.former_records import Former
from worker.queries import waiting
from worker.segments.reported import distinct_values
from worker.store import embedded_redis, heartbeat, pause, private_files, setbacks
from worker.store.redis_versions import Version, is_too_old, known_vulnerabilities, version_of
from worker.store.states import RunState
from worker.store.tables import contacts, deliveries, failures, runs
from worker.sync.runs import crm_quota, removal_holds

LOOPBACK_HOSTS = ("127.0.0.1", "localhost", "::1")
MAX_CLOCK_SKEW = timedelta(seconds=30)
LONG_PAUSE = timedelta(days=1)
_MANY_FAILING = 100
_ADDRESSES = {"salesforce": ("login_url", "instance_url"), "hubspot": ("api_url",)}
_SOME_OUTCOMES = 5
COMMON_SECRETS = ("admin", "password", "changeme", "change-me", "secret", "hygiene", "test")


def check_settings(settings: Settings, env: Mapping[str, str] = os.environ) -> Iterator[Check]:
    """Check what can be seen from settings and files alone."""
    yield from _former_names(settings)
    yield from _stray_variables(settings, env)
    yield from _secrets(settings)
    yield from _addresses(settings)
    yield from _files(settings)
    yield from _proxy(settings, env)
    if settings.log.level == "debug":
        text = "log.level is debug, which logs a lot; info is enough for an operator"
        yield warning("log", text)
    paid = [name for name in ("twilio", "numverify", "clearoutphone") if getattr(settings, name)]
    caps = settings.verification.budget
    if paid and not any((caps.day, caps.month, caps.day_lookups, caps.month_lookups)):
        text = f"{', '.join(paid)} can cost any amount: set verification.budget.day or .month"
        yield warning("budget", text)
    keep = settings.retention
    if not any((keep.writes, keep.lookups, keep.runs, keep.replies)):
        text = "nothing is ever deleted, although GDPR forbids keeping data without a purpose"
        yield warning("retention", text)
    if not channels(settings):
        text = "nobody gets alerts: set SMTP_URL and alerts.email_to, or ALERT_WEBHOOK_URL, or a "
        yield warning("alerts", text + "Slack or Teams channel under alerts.channels")
    elif deaf := [kind for kind in KINDS if _goes_nowhere(settings, kind)]:
        text = f"nobody gets alerts of the kinds {', '.join(deaf)}: set alerts.routes.default"
        yield warning("alerts", text)
    remote = settings.redis_url and urlsplit(settings.redis_url).hostname not in (
        *LOOPBACK_HOSTS,
        None,
    )
    if remote and settings.database_url.startswith("sqlite"):
        text = (
            "Redis is on another machine, but the database is a file on this one: for workers on "
        )
        yield warning("database", text + "other machines, set DATABASE_URL to a PostgreSQL")
    often = {"sync.every": settings.sync.every}
    for connector in settings.active_connectors:
        if own := settings.section(connector).sync.every:
            often[f"connectors.{connector}.sync.every"] = own
    for name, every in often.items():
        if settings.sync.full_every and every > timedelta(hours=6):
            text = f"changes are read only every {every}: a STOP typed into the CRM waits"
            yield warning(name, text)


def _goes_nowhere(settings: Settings, kind: str) -> bool:
    """Return whether nobody gets alerts of a kind, and nobody has said so (`KIND = []`)."""
    return kind not in settings.alerts.routes and not route(settings, kind)


def _former_names(settings: Settings) -> Iterator[Check]:
    path = settings.toml_path
    if path is not None and path.is_file():
        for line in find_former_names(tomllib.loads(path.read_text(encoding="utf-8-sig"))):
            yield warning("settings", line)


def _secrets(settings: Settings) -> Iterator[Check]:
    for name, value, least in (
        ("SECRET_KEY", settings.secret_key, 32),
        ("ADMIN_PASSWORD", settings.admin_password, 12),
        ("ADMIN_TOKEN", settings.admin_token, 24),
    ):
        if value and (
            len(value) < least or value.casefold() in COMMON_SECRETS or len(set(value)) < 6
        ):
            text = f"{name} is easy to guess: use at least {least} random characters, for example "
            yield warning("secrets", text + "from: openssl rand -base64 32")
    if settings.database_url.startswith("postgres"):
        parts = urlsplit(settings.database_url)
        if parts.hostname not in (*LOOPBACK_HOSTS, None) and "sslmode" not in parts.query:
            text = (
                "DATABASE_URL connects to another machine without sslmode=verify-full (or require)"
            )
            yield warning("database", f"{text}: add ?sslmode=verify-full")
    if settings.redis_url.startswith("rediss://") and is_unchecked(settings.redis_url):
        text = (
            "REDIS_URL: the server's certificate is not checked (ssl_cert_reqs), so anybody on "
            "the network path could start tasks"
        )
        yield warning("redis", text + "; to check it, add ssl_ca_certs=FILE")
    if settings.redis_url.startswith("redis://"):
        parts = urlsplit(settings.redis_url)
        if parts.hostname not in LOOPBACK_HOSTS and not parts.password:
            text = "REDIS_URL has no password: anybody could start tasks there; set requirepass"
            yield warning("redis", text)


def _stray_variables(settings: Settings, env: Mapping[str, str]) -> Iterator[Check]:
    """Check for variables that look like those of a connection, and are read by nobody."""
    stray = connections.stray_variables(env, settings.declared_connectors)
    for name, variables in stray.items():
        listed = ", ".join(variables)
        if not name:
            text = f"{listed}: nothing reads a variable of this name; is it mistyped?"
        elif name in settings.declared_connectors:
            text = f"{listed}: the connection {name} has no such variable; is it mistyped?"
        else:
            text = (
                f"{listed}: read by nothing, since there is no connection {name}; declare it in "
                f'the TOML file ([connectors.{name}] with kind = "{connections.kind_of(name)}"), '
                "or remove the variables"
            )
        yield warning("connectors", text)


def _addresses(settings: Settings) -> Iterator[Check]:
    """Check for stand-ins, which are for trying things out: in production nothing reaches a CRM
    through them."""
    crms = {
        connections.variable(name, f"{kind.upper()}_{field.upper()}"): getattr(credentials, field)
        for kind, fields in _ADDRESSES.items()
        for name in dict.fromkeys((kind, *settings.of_kind(kind)))
        if (credentials := settings.credentials_of(name)) is not None
        for field in fields
    }
    crms["TWILIO_LOOKUP_URL"] = settings.twilio.url if settings.twilio else ""
    for name, url in crms.items():
        if url and urlsplit(url).hostname in LOOPBACK_HOSTS:
            yield warning(
                "addresses", f"{name} is on this machine: a stand-in, not the real service"
            )
    host = urlsplit(settings.public_url).hostname
    if host in LOOPBACK_HOSTS:
        text = "PUBLIC_URL is on this machine: neither recipients nor Twilio can reach it"
        yield warning("reports", text)


def _files(settings: Settings) -> Iterator[Check]:
    keys = {
        connections.variable(name, "SALESFORCE_PRIVATE_KEY_FILE"): credentials.private_key_file
        for name in dict.fromkeys(("salesforce", *settings.of_kind("salesforce")))
        if isinstance(credentials := settings.credentials_of(name), SalesforceCredentials)
    }
    database = urlsplit(settings.database_url)
    file = Path(database.path[1:]) if database.scheme == "sqlite" else None
    for name, path in (
        *((variable, Path(key)) for variable, key in keys.items() if key),
        ("secret-key", settings.home / "secret-key"),
        ("the database", file),
        ("the database's log", file.with_name(f"{file.name}-wal") if file else None),
        ("HYGIENE_HOME", settings.home),
    ):
        wrong = private_files.problem(path) if path is not None else ""
        if wrong:
            command = "chown to the user of hygiene:" if "belongs" in wrong else "chmod go-rwx"
            yield warning("files", f"{name} {wrong}: {command} {path}")
    if settings.home.exists() and not os.access(settings.home, os.W_OK):
        yield Check("files", "problem", f"HYGIENE_HOME ({settings.home}) cannot be written to")


def _proxy(settings: Settings, env: Mapping[str, str]) -> Iterator[Check]:
    if settings.admin_password and not settings.public_url:
        text = (
            "pages are served to other machines, but PUBLIC_URL is not set: put an https proxy in "
        )
        yield warning("web", text + "front, and set PUBLIC_URL to its address")
    if env.get("REQUESTS_CA_BUNDLE") == "" or env.get("PYTHONHTTPSVERIFY") == "0":
        text = "the environment turns off certificate checks: unset "
        yield warning("web", text + "REQUESTS_CA_BUNDLE and PYTHONHTTPSVERIFY")


def check_redis(settings: Settings) -> Iterator[Check]:
    """Check for a Redis that drops data when it is full, or is too old to be safe."""
    try:
        client = embedded_redis.client(settings.redis_url or embedded_redis.url(settings.home))
        about: dict[str, Any] = client.info()
    except redis.RedisError:
        return  # the doctor says so elsewhere
    policy = about.get("maxmemory_policy", "noeviction")
    if about.get("maxmemory") and policy != "noeviction":
        text = f"maxmemory-policy is {policy}: messages are lost when memory is full; set it "
        yield warning("redis", text + "to noeviction")
    yield from of_redis_version(version_of(about))


def of_redis_version(version: Version) -> Iterator[Check]:
    """Check for a server that lacks what we need, or has known vulnerabilities."""
    if is_too_old(version):
        yield warning("redis", f"{version} is too old: use 6.2 or later")
    elif text := known_vulnerabilities(version):
        yield warning("redis", f"{text}, unless its packager or host has fixed this one")


def check_work(ctx: Context) -> Iterator[Check]:
    """Check what shows only while the worker is running."""
    now = ctx.now()
    status = heartbeat.describe(ctx.store, now)
    yield (
        Check("queue", "ok", "a worker and beat are running")
        if status == "ok"
        else warning("queue", status)
    )
    if (in_force := pause.find(ctx.store)) is not None:
        yield warning("pause", f"{in_force.text}; to resume: hygiene resume")
    with ctx.store.read() as connection:
        paused = connection.execute(
            sa.select(runs.c.id, runs.c.connector).where(
                runs.c.state == RunState.PAUSED, runs.c.opened_at < now - LONG_PAUSE
            )
        ).all()
        failing = connection.execute(
            sa.select(failures.c.connector, failures.c.kind, sa.func.count())
            .group_by(failures.c.connector, failures.c.kind)
            .having(sa.func.count() >= _MANY_FAILING)
        ).all()
        homeless = connection.execute(
            sa.select(
                contacts.c.connector,
                sa.func.count(),
                sa.func.sum(sa.case((contacts.c.country == "", 1), else_=0)),
            ).group_by(contacts.c.connector)
        ).all()
        holds = removal_holds.load(connection)
    for hold in holds:
        yield warning("removals", f"{hold.connector}: {hold.reason}")
    for row in paused:
        text = f"Run {row.id} has been paused for over a day and blocks every other sync of "
        text += f"{row.connector}. Resume it: hygiene runs resume {row.id}"
        yield warning("runs", text)
    for name, kind, count in failing:
        text = f"{name}: {count:,} records cannot be written ({kind}); see: hygiene runs show"
        yield warning("records", text)
    for name, all_of_them, without in homeless:
        country = ctx.settings.section(name).default_country
        if not country and all_of_them >= 50 and (without or 0) > all_of_them / 5:
            text = f"{name}: {without / all_of_them:.0%} of contacts have no known country:"
            remedy = f"set connectors.{name}.default_country, or `country` to the right fields"
            yield warning("countries", f"{text} {remedy}")


def check_accounts(ctx: Context) -> Iterator[Check]:
    """Check for two connections to one HubSpot account, by different tokens: each would take the
    other's writes for those of people."""
    names = ctx.settings.of_kind("hubspot")
    first: dict[str, str] = {}
    for name in names if len(names) > 1 else ():
        portal = ctx.open(name).account
        if portal and (other := first.setdefault(portal, name)) != name:
            text = f"{name} and {other} go to the same HubSpot account ({portal}): remove one"
            yield Check(name, "problem", text)


def check_backfills(ctx: Context) -> Iterator[Check]:
    """Check for systems that know nothing of what was suppressed before they were added."""
    for endpoint, number in backfill.never_backfilled(ctx):
        text = (
            f"{endpoint.name} was never given the {number:,} suppressions that stood when it was "
        )
        yield warning("systems", f"{text}added: hygiene endpoints backfill {endpoint.name}")


def _maybe(meaning: str) -> str:
    return f", maybe {meaning.replace('_', ' ')}" if meaning else ""


def check_endpoints(ctx: Context) -> Iterator[Check]:
    """Check for endpoints whose address takes no events: without an address, or not allowed."""
    for endpoint in endpoints.all_endpoints(ctx):
        if endpoint.url and (obstacle := endpoints.obstacle(ctx, endpoint.url)):
            yield warning("endpoints", f"no events reach {endpoint.name}: {obstacle}")


def check_call_outcomes(ctx: Context) -> Iterator[Check]:
    """Check for call outcomes without a known name or meaning, as of the last read of calls."""
    dispositions = ctx.settings.feedback.dispositions
    dialers = (vendor.name for vendor in VENDORS.values() if "call" in vendor.paths)
    for name in (*ctx.settings.active_connectors, *dialers):
        with ctx.store.read() as connection:
            rows = call_outcomes.load(connection, name)
            problem = call_outcomes.load_problem(connection, name)
        if waiting := call_outcomes.find_unnamed(ctx, name):
            yield warning("calls", f"{name}: {waiting.text}")
        elif problem:
            text = f"{name}: only standard call outcomes are known by name ({problem}); calls with "
            yield warning("calls", f"{text}other outcomes will wait: see docs/feedback.md")
        unread = call_outcomes.without_meaning(rows, dispositions, named=True)
        if unread:
            # What may stop somebody's calls comes first.
            unread.sort(key=lambda outcome: not outcome.suggested(dispositions))
            named = ", ".join(
                f"“{outcome.name}” ({outcome.calls:,}{_maybe(outcome.suggested(dispositions))})"
                for outcome in unread[:_SOME_OUTCOMES]
            )
            others = len(unread) - _SOME_OUTCOMES
            text = f"{name}: call outcomes without a meaning: {named}"
            text += f" and {others:,} more" if others > 0 else ""
            yield warning("calls", f"{text}; say what they mean in feedback.dispositions")


def check_learned_replies(ctx: Context) -> Iterator[Check]:
    """Check for a router of replies that does not count: a text it learned from may be erased."""
    if why := reply_model.why_unused(ctx):
        yield warning("replies", why)


def check_connections_off(ctx: Context) -> Iterator[Check]:
    """Check for what our index holds of a connection that is not connected, or of an object that is
    no longer read, and for reports that wait for it: its table may be gone by mistake, or stand
    under another name."""
    active = ctx.settings.active_connectors
    former = former_records.find(ctx)
    with ctx.store.read() as connection:
        names = distinct_values(connection, deliveries.c.connector)
        off = [name for name in names if name not in active]
        for name, number, since in waiting.reports_by_connector(connection, off):
            reports = "1 report" if number == 1 else f"{number:,} reports"
            text = (
                f"{name} is not connected, and since {since:%Y-%m-%d} it has not been told "
                f"{reports}: give its table and credentials back; if it is gone for good: "
                f"{Former(name).command} --dry-run"
            )
            yield warning(name, text)
    for records in former:
        held = former_records.count(ctx, records)
        what = f"{held.contacts:,} records of it, which count as holders of their numbers"
        if held.isolations:
            s = "" if held.isolations == 1 else "s"
            kept = f"{held.isolations:,} isolated segment{s} of it"
            what = f"{what}, and {kept}" if held.contacts else kept
        why = "is no longer read" if records.object else "is not connected"
        text = (
            f"{records} {why}, and our index holds {what}; if it is gone for good: "
            f"{records.command} --dry-run"
        )
        yield warning(records.connector, text)


def check_background(ctx: Context) -> Iterator[Check]:
    """Check for background work that was refused at its last try."""
    with ctx.store.read() as connection:
        all_setbacks = list(setbacks.load(connection))
    for setback in all_setbacks:
        if setback.connector in ctx.settings.active_connectors:
            yield warning("background", setback.text)


def check_email_opt_outs(ctx: Context, name: str) -> Iterator[Check]:
    """Check for opt-outs from email that our user cannot read, where customers are asked by
    email."""
    if not SENDERS["email"].problem(ctx.settings):
        for problem in email_opt_outs.problems(ctx, name):
            yield warning(name, str(problem))
        try:
            for problem in ctx.connector(name).email_right_problems():
                yield warning(name, str(problem))
        except ConnectorError as error:
            yield warning(name, f"cannot find out which opt-outs from email we may read: {error}")


def check_crm(ctx: Context, name: str) -> Iterator[Check]:
    """Check a CRM's clock, and how many of its calls are left; it must have answered before."""
    apart = ctx.open(name).clock_offset()
    if abs(apart) > MAX_CLOCK_SKEW:
        seconds = int(abs(apart).total_seconds())
        where = "behind" if apart > timedelta(0) else "ahead of"
        text = f"this machine's clock is {seconds} s {where} {name}'s: is time synchronised (NTP)?"
        yield warning("clock", text)
    reported = crm_quota.last_reported(ctx, name)
    quota = ctx.quotas.get(name)
    if quota is not None and (today := quota.today) is not None:
        reported = {"remaining": today.remaining, "limit": today.limit}
    api_reserve = getattr(ctx.settings.section(name), "api_reserve", 0.0)
    if reported and reported["remaining"] <= reported["limit"] * (api_reserve + 0.05):
        text = f"{reported['remaining']:,} of {reported['limit']:,} API calls are left today, and "
        yield warning(
            name, f"{text}{api_reserve:.0%} are reserved for others: syncs stop until tomorrow"
        )
