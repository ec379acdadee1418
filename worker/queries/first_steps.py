"""The first steps of an installation, each with its state: from settings and our tables alone."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from config import connections
from connectors import plain_words
from connectors.labels import crm_name
from worker.context import Context
from worker.feedback.sources.vendor_registry import VENDORS
from worker.segments.reported import distinct_values
from worker.store.bulk import upsert
from worker.store.states import RunState
from worker.store.tables import app_state, runs, users
from worker.sync.runs import lifecycle, report

State = Literal["done", "to_do", "failed", "optional"]
_DISMISSED = "first steps dismissed"  # of `app_state`
_CHECKED = "connection checked: "  # of `app_state`, with the connector's name
_WEBHOOKS_CHECKED = "webhooks checked: "  # of `app_state`, with the service's name
_CRMS = ("salesforce", "hubspot")
_VARIABLES: Mapping[str, tuple[str, ...]] = {
    "salesforce": ("SALESFORCE_LOGIN_URL", "SALESFORCE_CLIENT_ID", "SALESFORCE_CLIENT_SECRET"),
    "hubspot": ("HUBSPOT_ACCESS_TOKEN",),
}


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What a test of a connection brought. `problems`: fields that are missing or unusable;
    `error`: why the CRM could not be asked at all."""

    at: datetime
    error: str = ""
    problems: tuple[str, ...] = ()
    blocks: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """`test`: the connector whose connection the step's button tests; "" for none. `webhooks`: the
    services whose webhooks can be tested. `text`: with commands between backticks.
    `variables`: what to set in the environment. `path` and `action`: where the step is done."""

    name: str
    title: str
    state: State
    text: str
    variables: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    test: str = ""
    webhooks: tuple[str, ...] = ()
    path: str = ""
    action: str = ""


@dataclass(frozen=True, slots=True)
class _Facts:
    checks: Mapping[str, CheckResult]
    webhooks: Mapping[str, CheckResult]
    dry_run: Any  # the latest run of each kind; None where there is none
    sync: Any
    sync_outcome: str
    synced: frozenset[str]
    has_users: bool


def steps(ctx: Context) -> list[Step]:
    """Return all steps in the order in which they are taken."""
    facts = _load(ctx)
    return [
        *(_connect(ctx, facts, name) for name in _crms(ctx)),
        _fields(ctx, facts),
        _dry_run(ctx, facts),
        _first_sync(ctx, facts),
        _webhooks(ctx, facts),
        _users(ctx, facts),
    ]


def are_done(listed: Sequence[Step]) -> bool:
    return all(step.state in ("done", "optional") for step in listed)


def has_synced(ctx: Context) -> bool:
    """Return whether any sync has been finished."""
    with ctx.store.read() as connection:
        return _has_synced(connection)


def _has_synced(connection: Connection, *conditions: sa.ColumnElement[bool]) -> bool:
    query = sa.select(runs.c.id).where(_is_sync(), runs.c.state == RunState.DONE, *conditions)
    return connection.scalar(query.order_by(runs.c.opened_at.desc()).limit(1)) is not None


def is_dismissed(ctx: Context) -> bool:
    query = sa.select(app_state.c.name).where(app_state.c.name == _DISMISSED)
    with ctx.store.read() as connection:
        return connection.scalar(query) is not None


def dismiss(ctx: Context, dismissed: bool = True) -> None:
    """Take the list off the overview, or put it there again."""
    with ctx.store.write() as connection:
        if dismissed:
            upsert(connection, app_state, [{"name": _DISMISSED, "value": "yes"}])
        else:
            connection.execute(sa.delete(app_state).where(app_state.c.name == _DISMISSED))


def record_check(ctx: Context, connector: str, result: CheckResult) -> None:
    """Keep what a test of a connection brought, for the list's state."""
    _record(ctx, f"{_CHECKED}{connector}", result)


def record_webhook_check(ctx: Context, service: str, result: CheckResult) -> None:
    """Keep what a test of the webhooks of a service brought."""
    _record(ctx, f"{_WEBHOOKS_CHECKED}{service}", result)


def _record(ctx: Context, name: str, result: CheckResult) -> None:
    value = json.dumps(
        {"at": result.at.isoformat(), "error": result.error, "problems": result.problems,
         "blocks": result.blocks}
    )  # fmt: skip
    with ctx.store.write() as connection:
        upsert(connection, app_state, [{"name": name, "value": value}])


# -- loading -------------------------------------------------------------------------------


def _load(ctx: Context) -> _Facts:
    c = runs.c
    columns = sa.select(c.id, c.connector, c.state, c.error).order_by(c.opened_at.desc()).limit(1)
    with ctx.store.read() as connection:
        checks = _checks(connection, _CHECKED)
        webhooks = _checks(connection, _WEBHOOKS_CHECKED)
        dry_run = connection.execute(columns.where(c.dry_run)).one_or_none()
        sync = connection.execute(columns.where(_is_sync())).one_or_none()
        synced = frozenset(
            name for name in distinct_values(connection, c.connector)
            if _has_synced(connection, c.connector == name)
        )  # fmt: skip
        has_users = connection.scalar(sa.select(users.c.name).limit(1)) is not None
    outcome = ""
    if sync is not None:
        outcome = report.summaries(ctx, [lifecycle.load(ctx, sync.id)])[0]["outcome"]
    return _Facts(checks, webhooks, dry_run, sync, outcome, synced, has_users)


def _checks(connection: Connection, prefix: str) -> dict[str, CheckResult]:
    results = {}
    for row in connection.execute(
        sa.select(app_state).where(app_state.c.name.startswith(prefix, autoescape=True))
    ):
        stored = json.loads(row.value)
        results[row.name.removeprefix(prefix)] = CheckResult(
            datetime.fromisoformat(stored["at"]), stored["error"], tuple(stored["problems"]),
            stored["blocks"],
        )  # fmt: skip
    return results


def _is_sync() -> sa.ColumnElement[bool]:
    return sa.and_(~runs.c.dry_run, runs.c.kind.in_(("sync", "rescan")))


# -- steps ---------------------------------------------------------------------------------


def _crms(ctx: Context) -> list[str]:
    """Return the connections to list: all that are declared, and the first one of a kind where it
    is connected or there is no other."""
    declared = [n for n in ctx.settings.declared_connectors if connections.kind_of(n) in _CRMS]
    others = {connections.kind_of(name) for name in declared if name not in _CRMS}
    return [n for n in declared if n not in others or ctx.settings.is_connected(n)]


def _connect(ctx: Context, facts: _Facts, name: str) -> Step:
    title = f"Connect {crm_name(name)}"
    variables = tuple(
        connections.variable(name, one) for one in _VARIABLES[connections.kind_of(name)]
    )
    active = ctx.settings.active_connectors
    if name not in active:
        elsewhere = any(connections.kind_of(other) in _CRMS for other in active)
        text = "Set these variables in the environment, then restart."
        if elsewhere:
            text += " Skip this if you do not use it."
        return Step(f"connect-{name}", title, "optional" if elsewhere else "to_do", text, variables)
    check = facts.checks.get(name)
    if check is not None and check.error:
        text = f"{check.error.removesuffix('.')}. Check these variables."
        return Step(f"connect-{name}", title, "failed", text, variables, test=name)
    if check is not None or name in facts.synced:
        return Step(f"connect-{name}", title, "done", "Connected.", test=name)
    return Step(
        f"connect-{name}", title, "to_do",
        "The credentials are set. Test whether the CRM accepts them.", test=name,
    )  # fmt: skip


def _fields(ctx: Context, facts: _Facts) -> Step:
    active = ctx.settings.active_connectors
    checked = {name: facts.checks[name] for name in active if name in facts.checks}
    title = "Set up fields"
    blocked = [name for name, check in checked.items() if check.blocks]
    problems = tuple(line for check in checked.values() for line in check.problems)
    if blocked:
        commands = " and ".join(f"`hygiene crm setup {name}`" for name in blocked)
        text = f"Some of our fields are missing or cannot be used. Run: {commands}"
        return Step("fields", title, "failed", text, problems=problems)
    answered = {name for name, check in checked.items() if not check.error} | facts.synced
    if active and all(name in answered for name in active):
        text = "All fields are there." if not problems else "All fields that are needed are there."
        return Step("fields", title, "done", text, problems=problems)
    names = " and ".join(
        f"`hygiene crm setup {name}`" for name in active if not connections.is_file(name)
    )
    text = f"To create our fields, run: {names}. Then test the connection." if names else (
        "Connect a CRM first."
    )  # fmt: skip
    return Step("fields", title, "to_do", text)


def _dry_run(ctx: Context, facts: _Facts) -> Step:
    return _run_step(ctx, "dry_run", "Dry run", facts.dry_run, "Shows what a sync would change and "
                     "cost. It writes nothing and pays nothing.", "Start a dry run")  # fmt: skip


def _first_sync(ctx: Context, facts: _Facts) -> Step:
    if facts.sync_outcome == "all_failed":
        return Step("sync", "First sync", "failed", "No record could be written in the last one.",
                    path=f"/runs/{facts.sync.id}", action="View the run")  # fmt: skip
    about = "Reads all contacts and writes our fields. It starts on schedule, or when you start it."
    return _run_step(
        ctx, "sync", "First sync", facts.sync, about, "Start a sync", bool(facts.synced)
    )


def _run_step(
    ctx: Context, name: str, title: str, run: Any, about: str, action: str, done: bool = False
) -> Step:
    """`done`: an earlier run was finished, whatever the latest one came to."""
    if run is None and not ctx.settings.active_connectors:
        return Step(name, title, "to_do", f"{about} Connect a CRM first.")
    if run is None:
        return Step(name, title, "to_do", about, path="/runs/new", action=action)
    path = f"/runs/{run.id}"
    if done or run.state == RunState.DONE:
        return Step(name, title, "done", "Finished.", path=path, action="View the run")
    if run.state in (RunState.RUNNING, RunState.PAUSED):
        return Step(name, title, "to_do", f"It is {run.state}.", path=path, action="View the run")
    why = plain_words.explain(run.error, run.connector) or run.error
    text = f"It {run.state}: {why}" if why else f"The last one is {run.state}."
    return Step(name, title, "failed", text, path=path, action="View the run")


def _webhooks(ctx: Context, facts: _Facts) -> Step:
    settings = ctx.settings
    # Services whose webhooks can be tested, with the variable that their secret is in.
    portals = [n for n in settings.of_kind("hubspot") if n != "hubspot"]
    variables = {
        "twilio": "TWILIO_AUTH_TOKEN", "hubspot": "HUBSPOT_CLIENT_SECRET",
        **{n: connections.variable(n, "HUBSPOT_CLIENT_SECRET") for n in portals},
    }  # fmt: skip
    secrets = {"HUBSPOT_CLIENT_SECRET": False}
    for name in ("hubspot", *portals):
        credentials = settings.hubspot_of(name)
        secrets[variables[name]] = bool(credentials and credentials.client_secret)
    secrets["TWILIO_AUTH_TOKEN"] = bool(settings.twilio and settings.twilio.auth_token)
    missing = tuple(
        ([] if settings.public_url else ["PUBLIC_URL"])
        + ([] if any(secrets.values()) or _other_vendors(ctx) else [*secrets])
    )
    if not missing:
        text = f"Webhooks arrive at {settings.public_url}/webhooks/."
        services = tuple(name for name, variable in variables.items() if secrets[variable])
        tested = {name: facts.webhooks[name] for name in services if name in facts.webhooks}
        failed = tuple(
            f"{_service(name)}: {check.error}" for name, check in tested.items() if check.error
        )
        if failed:
            text = f"{text} The last test failed."
            return Step("webhooks", "Webhooks", "failed", text, problems=failed, webhooks=services)
        if good := " and ".join(_service(name) for name in tested):
            text = f"{text} Tests as {good} came through."
        return Step("webhooks", "Webhooks", "done", text, webhooks=services)
    text = "With webhooks, replies and changes arrive at once, not with the next sync. Set these "
    return Step("webhooks", "Webhooks", "to_do", f"{text}variables and restart.", missing)


def _service(name: str) -> str:
    return "Twilio" if name == "twilio" else crm_name(name)


def _other_vendors(ctx: Context) -> bool:
    """Return whether webhooks of a vendor come in that cannot be tested from here."""
    return any(vendor.is_configured(ctx.settings) for vendor in VENDORS.values())


def _users(ctx: Context, facts: _Facts) -> Step:
    if facts.has_users or ctx.settings.oidc is not None:
        return Step("users", "Users", "done", "Everybody logs in under their own name.",
                    path="/access", action="View users")  # fmt: skip
    return Step(
        "users", "Users", "to_do",
        "Give each person their own login, so that the audit log shows who did what. Or use "
        "your identity provider: set `OIDC_ISSUER`, `OIDC_CLIENT_ID` and `OIDC_CLIENT_SECRET`.",
        path="/access", action="Add users",
    )  # fmt: skip
