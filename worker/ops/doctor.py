"""Examine an installation: is everything there that the worker needs, and if not, what to do."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import redis

from config import connections
from config.settings import Settings
from connectors.errors import ConnectorError
from connectors.http.pacing import LocalPace
from connectors.labels import crm_name
from connectors.records import ProbeResult
from worker.access import ways_in
from worker.context import Context
from worker.feedback.sources.vendor_registry import VENDORS
from worker.ops import doctor_checks, stream_check
from worker.ops.check import Check, Verdict
from worker.ops.home import about_new, is_new, last_used, looked_at
from worker.phones import region_of
from worker.store import embedded_redis
from worker.store.engine import ensure_schema, is_current, open_store
from worker.store.errors import StoreError
from worker.store.machine_faults import redis_line
from worker.store.private_files import protect_home
from worker.store.redis_server import find_server, how_to_install
from worker.store.set_aside import SET_ASIDE, count
from worker.verification import probe as lookup_probe
from worker.verification import provider_status
from worker.verification.registry import plan_chain

_LITTLE_SPACE = 512 * 1024 * 1024


def examine(settings: Settings) -> Iterator[Check]:
    """Look at settings, database, Redis and each CRM; yields a finding for each."""
    protect_home(settings.home)
    path = settings.toml_path or "the defaults (no HYGIENE_CONFIG)"
    yield Check("settings", "ok", f"read from {path} and the environment")
    yield _home(settings)
    yield from _countries(settings)
    yield from _space(settings)
    yield from doctor_checks.check_settings(settings)
    with looked_at(settings) as here:
        yield from _at_work(here)
    yield from _webhooks(settings)


def _at_work(settings: Settings) -> Iterator[Check]:
    """Check what needs the database."""
    database_works = True
    for check in _database(settings):
        database_works = database_works and check.verdict != "problem"
        yield check
    yield from _redis(settings)
    yield from doctor_checks.check_redis(settings)
    yield from _messages(settings)
    if not settings.active_connectors:
        yield Check(
            "connectors",
            "problem",
            "no CRM is connected: set SALESFORCE_... or HUBSPOT_ACCESS_TOKEN (README)",
        )
    if database_works:
        ctx = Context.create(settings)
        try:
            # Also without a CRM: what it left behind may be all that there is to say.
            for name in settings.active_connectors:
                yield from _connector(ctx, name)
            yield from doctor_checks.check_accounts(ctx)
            yield from stream_check.check_streams(ctx)
            yield from doctor_checks.check_work(ctx)
            yield from doctor_checks.check_call_outcomes(ctx)
            yield from doctor_checks.check_backfills(ctx)
            yield from doctor_checks.check_endpoints(ctx)
            yield from doctor_checks.check_connections_off(ctx)
            yield from doctor_checks.check_background(ctx)
            yield from doctor_checks.check_learned_replies(ctx)
        finally:
            ctx.close()
        yield from _ways_in(settings)
        yield from _keys(settings)
        yield from _providers(settings)


def _home(settings: Settings) -> Check:
    if not is_new(settings):
        return Check("home", "ok", f"{settings.home} (HYGIENE_HOME)")
    other = last_used()
    verdict: Verdict = "ok" if other in (None, settings.home) else "warning"
    return Check("home", verdict, about_new(settings))


def probe(settings: Settings, number: str = "") -> Iterator[ProbeResult]:
    """Settle with our accounts what the lookup services' documents leave open. `number`: in E.164,
    to ask about for money what can be settled in no other way."""
    line = plan_chain(settings, LocalPace())
    try:
        yield from lookup_probe.run(line.providers, number)
    finally:
        for provider in line.providers:
            provider.close()


def _ways_in(settings: Settings) -> Iterator[Check]:
    """Check how users get to the pages."""
    store = open_store(settings.database_url)
    try:
        text = ways_in.described(settings, store)
        from_elsewhere = ways_in.needs_link(settings, store) and settings.public_url
    finally:
        store.close()
    if from_elsewhere:
        yield Check(
            "pages", "warning", f"{text}; set ADMIN_PASSWORD, or add users (hygiene users add)"
        )
    else:
        yield Check("pages", "ok", text)


def _keys(settings: Settings) -> Iterator[Check]:
    ctx = Context.create(settings)
    try:
        ctx.keys  # noqa: B018 - opening them is the check
    except StoreError as error:
        yield Check("keys", "problem", str(error))
        return
    finally:
        ctx.close()
    if settings.secret_key or settings.database_url.startswith("sqlite"):
        yield Check("keys", "ok", "SECRET_KEY" if settings.secret_key else "a generated key")
    else:
        yield Check(
            "keys", "warning",
            "the key is in the database that it protects; set SECRET_KEY to keep it elsewhere",
        )  # fmt: skip


def _webhooks(settings: Settings) -> Iterator[Check]:
    """Check which reports can come in, and what prevents others."""
    if not settings.public_url:
        text = (
            "PUBLIC_URL is not set: recipients get no links, and webhooks work only without a proxy"
        )
        yield Check("reports", "warning", text)
    elif not settings.public_url.startswith("https://"):
        yield Check("reports", "warning", "PUBLIC_URL is not https: browsers would warn recipients")
    lacking = []
    if settings.twilio is None or not (settings.twilio.auth_token or settings.twilio.shared_keys):
        lacking.append("Twilio's (TWILIO_AUTH_TOKEN)")
    portals = dict.fromkeys(("hubspot", *settings.of_kind("hubspot")))
    for name in portals:
        credentials = settings.hubspot_of(name)
        if credentials is not None and not credentials.client_secret:
            variable = connections.variable(name, "HUBSPOT_CLIENT_SECRET")
            lacking.append(f"{crm_name(name)}'s ({variable})")
    if taken := [vendor.label for vendor in VENDORS.values() if vendor.is_configured(settings)]:
        yield Check("reports", "ok", f"webhooks are accepted from {', '.join(taken)}")
    if lacking:
        text = f"webhooks are refused because they cannot be checked: {', '.join(lacking)}"
        yield Check("reports", "ok", text)
    if not settings.admin_token:
        yield Check("reports", "ok", "ADMIN_TOKEN is not set: the API is closed")


def _providers(settings: Settings) -> Iterator[Check]:
    ctx = Context.create(settings)
    try:
        for line in ctx.providers.left_out:
            yield Check("verification", "warning", line)
        for provider in provider_status.examine(ctx.providers, settings, ctx.store, ctx.now()):
            yield Check(provider.name, "ok" if provider.healthy else "problem", provider.text)
    finally:
        ctx.close()


def _countries(settings: Settings) -> Iterator[Check]:
    for name in settings.declared_connectors:
        country = settings.section(name).default_country
        if country and region_of(country) is None:
            yield Check(
                f"connectors.{name}.default_country",
                "problem",
                f"{country!r} is not a known country; write an ISO code such as US or DE",
            )


def _space(settings: Settings) -> Iterator[Check]:
    if settings.home.exists() and shutil.disk_usage(settings.home).free < _LITTLE_SPACE:
        yield Check("disk", "warning", f"less than 512 MB of disk space is free at {settings.home}")


def _database(settings: Settings) -> Iterator[Check]:
    try:
        if settings.database_url.startswith("sqlite"):
            ensure_schema(settings.database_url)  # as every command does
        current = is_current(settings.database_url)
    except StoreError as error:
        yield Check("database", "problem", str(error))
        return
    if not current:
        yield Check("database", "problem", "its tables are out of date; run: hygiene db upgrade")
    elif settings.database_url.startswith("sqlite"):
        hint = "SQLite (for more than one machine, set DATABASE_URL to PostgreSQL)"
        yield Check("database", "ok", hint)
    else:
        yield Check("database", "ok", "PostgreSQL")


def _redis(settings: Settings) -> Iterator[Check]:
    """Check whether Redis answers, and which server it is."""
    if not settings.redis_url:
        yield from _embedded_redis(settings)
        return
    try:
        embedded_redis.check_writes(settings.redis_url)
    except redis.RedisError as error:
        text = f"Redis (REDIS_URL) does not answer properly: {redis_line(error)} ({error})"
        yield Check("redis", "problem", text)
        return
    version = embedded_redis.running_version(settings.redis_url)
    yield Check("redis", "ok", f"answers and accepts writes{f' ({version})' if version else ''}")


def _embedded_redis(settings: Settings) -> Iterator[Check]:
    if embedded_redis.answers(settings.home):
        version = embedded_redis.running_version(embedded_redis.url(settings.home))
        yield Check("redis", "ok", f"embedded, running ({version})")
    elif server := find_server():
        yield Check("redis", "ok", f"embedded, starts with hygiene up ({server})")
        yield from doctor_checks.of_redis_version(server.version)
    else:
        yield Check("redis", "problem", how_to_install())


def _messages(settings: Settings) -> Iterator[Check]:
    """Check for messages that no worker could read."""
    try:
        foreign = count(
            embedded_redis.client(settings.redis_url or embedded_redis.url(settings.home))
        )
    except redis.RedisError:
        return
    if foreign:
        text = (
            f"{foreign} messages in Redis are not our tasks and were set aside: who else writes to "
            f"this Redis? Look at them with redis-cli LRANGE {SET_ASIDE} 0 9, then: DEL {SET_ASIDE}"
        )
        yield Check("queue", "warning", text)


def _connector(ctx: Context, name: str) -> Iterator[Check]:
    try:
        ctx.connector(name, fresh=True)
    except ConnectorError as error:
        yield Check(name, "problem", str(error))
        return
    yield from doctor_checks.check_crm(ctx, name)
    findings = ctx.findings[name]
    if not findings:
        yield Check(name, "ok", "answers, and has all fields")
    for finding in findings:
        verdict: Verdict = "problem" if finding.blocks else "warning"
        yield Check(name, verdict, f"{finding}; see: hygiene crm check {name}")
    yield from doctor_checks.check_email_opt_outs(ctx, name)
    yield from _visibility(ctx, name)
    for caution in ctx.open(name).cautions():
        yield Check(name, "ok" if caution.prepared else "warning", caution.text)


def _visibility(ctx: Context, name: str) -> Iterator[Check]:
    """Check how many of the CRM's records our user sees: the others are not processed."""
    try:
        for visibility in ctx.open(name).visibility():
            yield Check(name, "warning" if visibility.limited else "ok", str(visibility))
    except ConnectorError as error:
        yield Check(name, "warning", f"cannot find out what our user sees: {error}")
