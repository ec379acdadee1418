"""Find what needs a person now, in the tables: each alert has a key by which it is sent once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import sqlalchemy as sa

from config.alerts import AlertKind
from connectors.labels import crm_name
from connectors.plain_words import explain
from worker.context import Context
from worker.events import endpoints
from worker.events.model import EndpointState
from worker.feedback import review_queue
from worker.feedback.sources import call_outcomes
from worker.registries.model import load_all as load_registries
from worker.segments import isolation
from worker.store import lost_fields, pause, setbacks
from worker.store.states import RunState
from worker.store.tables import ask_campaigns, failures, runs, watermarks
from worker.sync.runs import removal_holds
from worker.sync.stream import state as streams
from worker.verification import circuit_breaker, spend_report

_LOOK_BACK = timedelta(days=1)  # an older failure is no news


@dataclass(frozen=True, slots=True)
class Alert:
    """`path`: of the page to look at."""

    key: str
    kind: AlertKind
    text: str
    path: str


def current(ctx: Context) -> list[Alert]:
    """Return all current alerts that the settings ask for."""
    wanted = ctx.settings.alerts
    everything: list[Alert] = []
    if wanted.run_failed:
        everything += _failed_runs(ctx)
    if wanted.breaker_open:
        everything += _open_breakers(ctx)
    everything += _budget(ctx)
    if wanted.segment_isolated:
        everything += _isolated(ctx)
    everything += _old_watermarks(ctx)
    everything += _streams_down(ctx)
    if wanted.removals_held:
        everything += _held_removals(ctx)
    if wanted.field_hidden:
        everything += _lost_fields(ctx)
    if wanted.suppression_refused:
        everything += _refused_suppressions(ctx)
    if wanted.call_outcomes:
        everything += _unnamed_outcomes(ctx)
    if wanted.setbacks:
        everything += _setbacks(ctx)
    everything += _waiting_reviews(ctx)
    everything += _failing_endpoints(ctx)
    if wanted.registry_stale:
        everything += _stale_registries(ctx)
    if wanted.ask_paused:
        everything += _paused_campaigns(ctx)
    return everything


def paused(ctx: Context) -> Alert | None:
    """Return the alert that everything is paused, while it is."""
    in_force = pause.find(ctx.store)
    if in_force is None:
        return None
    key = f"paused:{in_force.since.isoformat()}"
    return Alert(key, "paused", f"{in_force.text}. Other alerts wait until it is resumed", "/")


def _failed_runs(ctx: Context) -> Iterator[Alert]:
    c = runs.c
    query = sa.select(c.id, c.connector, c.error).where(
        c.state == RunState.FAILED, c.kind != "reports", c.finished_at > ctx.now() - _LOOK_BACK
    )
    with ctx.store.read() as connection:
        for run_id, connector, error in connection.execute(query):
            plain = explain(error, connector)
            why = f"{plain} Its answer: {error}" if plain else error
            text = f"{crm_name(connector)}: run {run_id} failed: {why}"
            yield Alert(f"run:{run_id}", "run_failed", text, f"/runs/{run_id}")


def _open_breakers(ctx: Context) -> Iterator[Alert]:
    labels = ctx.providers.labels
    with ctx.store.read() as connection:
        for state in circuit_breaker.all_states(connection):
            if state.is_open and state.since is not None:
                name = labels.get(state.name, state.name)
                text = f"{name} {state.reason}; its numbers stay as they are until it answers"
                key = f"breaker:{state.name}:{state.since.isoformat()}"
                yield Alert(key, "breaker_open", text, "/providers")


def _budget(ctx: Context) -> Iterator[Alert]:
    share, now = ctx.settings.alerts.budget_at, ctx.now()
    with ctx.store.read() as connection:
        report = spend_report.report(connection, ctx.providers, ctx.settings.verification, now, 1)
    for cap in report["caps"]:
        period = f"{now:%Y-%m-%d}" if "today" in cap["name"] else f"{now:%Y-%m}"
        for used, most, unit in (
            (cap["used"], cap["cap"], report["currency"]),
            (cap["used_lookups"], cap["cap_lookups"], "lookups"),
        ):
            if most and used >= share * most:
                amounts = f"{used:,} of {most:,} {unit}"
                text = f"{used / most:.0%} of {cap['name']} is used ({amounts})"
                yield Alert(f"budget:{cap['name']}:{period}", "budget", text, "/spend")


def _isolated(ctx: Context) -> Iterator[Alert]:
    for isolated in isolation.active(ctx):
        if not isolated.isolated_by:  # who isolates one by hand knows
            segment = f"{isolated.by} {isolated.value}"
            text = f"{crm_name(isolated.connector)}: {segment} is isolated: {isolated.why}"
            yield Alert(f"isolated:{isolated.id}", "segment_isolated", text, "/segments")


def _streams_down(ctx: Context) -> Iterator[Alert]:
    """Yield streams of change events that were not heard for too long, until they are."""
    longest = ctx.settings.alerts.stream_down_for
    if not longest:
        return
    for one in streams.health(ctx):
        if one.silent_for is not None and one.silent_for > longest + streams.KEEPALIVE:
            why = one.problem or "is hygiene stream running?"
            text = (
                f"{crm_name(one.connector)}: nothing from {one.channel} for "
                f"{int(one.silent_for.total_seconds() // 60)} minutes: {why}. Until it is "
                "back, the scheduled syncs pick up changes"
            )
            since = ctx.now() - one.silent_for
            key = f"stream_down:{one.connector}:{one.channel}:{since:%Y-%m-%dT%H:%M}"
            yield Alert(key, "stream_down", text, "/")


def _held_removals(ctx: Context) -> Iterator[Alert]:
    """Yield removals on hold, until a full read ends within the limit, or an operator accepts them.
    A later full read that holds them again alerts again, with its number."""
    with ctx.store.read() as connection:
        holds = removal_holds.load(connection)
    for hold in holds:
        if hold.connector in ctx.settings.active_connectors:
            key = f"removals:{hold.connector}:{hold.object}:{hold.run_id}"
            text = f"{crm_name(hold.connector)}: {hold.reason}"
            yield Alert(key, "removals_held", text, f"/runs/{hold.run_id}")


def _lost_fields(ctx: Context) -> Iterator[Alert]:
    """Yield hidden fields, until the CRM shows them again or the settings no longer name them."""
    for name in ctx.settings.active_connectors:
        for lost in lost_fields.load_history(ctx.store, name).lost:
            key = f"field_hidden:{name}:{lost.object}.{lost.field}:{lost.since.isoformat()}"
            yield Alert(key, "field_hidden", f"{crm_name(name)}: {lost.text(name)}", "/")


def _refused_suppressions(ctx: Context) -> Iterator[Alert]:
    """Send this once a day while a CRM refuses the flags of people who must not be contacted."""
    c = failures.c
    query = (
        sa.select(c.connector, sa.func.count(), sa.func.max(c.run_id), sa.func.max(c.message))
        .where(c.kind == "suppression_refused")
        .group_by(c.connector)
    )
    with ctx.store.read() as connection:
        for name, count, run_id, message in connection.execute(query):
            if name not in ctx.settings.active_connectors:
                continue
            people = "1 person" if count == 1 else f"{count:,} people"
            text = (
                f"{crm_name(name)} refuses our flag for {people} who must not be contacted: "
                f"{message}. Contact none of them, and exempt our user from the rule "
                f"(hygiene runs show {run_id})"
            )
            key = f"suppression_refused:{name}:{ctx.now():%Y-%m-%d}"
            yield Alert(key, "suppression_refused", text, f"/runs/{run_id}")


def _unnamed_outcomes(ctx: Context) -> Iterator[Alert]:
    """Yield outcomes without a name, until the names are known, or the ids have a meaning in the
    settings. Another outcome alerts again; more calls with the same ones do not."""
    for name in ctx.settings.active_connectors:
        if waiting := call_outcomes.find_unnamed(ctx, name):
            key = f"call_outcomes:{name}:{','.join(sorted(waiting.outcomes))}"
            yield Alert(key, "call_outcomes", f"{crm_name(name)}: {waiting.text}", "/")


def _setbacks(ctx: Context) -> Iterator[Alert]:
    """Yield background work that keeps failing, until it succeeds once; later failures
    alert again."""
    with ctx.store.read() as connection:
        all_setbacks = list(setbacks.load(connection))
    for setback in all_setbacks:
        if (
            setback.times >= setbacks.TOLD_AFTER
            and setback.connector in ctx.settings.active_connectors
        ):
            key = f"setback:{setback.connector}:{setback.what}:{setback.since.isoformat()}"
            yield Alert(key, "setback", setback.text, "/")


def _waiting_reviews(ctx: Context) -> Iterator[Alert]:
    """A reply that may be a revocation waits too long for a person; again for the next oldest."""
    longest = ctx.settings.alerts.review_older_than
    if not longest:
        return
    with ctx.store.read() as connection:
        waiting = review_queue.oldest_waiting(connection)
    if waiting is not None and ctx.now() - waiting.since > longest:
        text = (
            f"{waiting.count:,} {'reply waits' if waiting.count == 1 else 'replies wait'} for "
            f"review, the oldest since {waiting.since:%Y-%m-%d}. A revocation must be "
            f"honoured within {review_queue.HONOUR_WITHIN} business days."
        )
        yield Alert(f"review:{waiting.oldest_id}", "review_waiting", text, "/reviews")


def _failing_endpoints(ctx: Context) -> Iterator[Alert]:
    """Yield endpoints that take no events, that have given up, or that are off."""
    longest = ctx.settings.alerts.endpoint_failing_for
    if not longest:
        return
    for endpoint in endpoints.all_endpoints(ctx):
        path, since = f"/endpoints/{endpoint.name}", endpoint.failing_since
        counts = endpoints.counts(ctx, endpoint.id)
        waiting = counts["pending"] + counts["parked"]
        events = "1 event waits" if waiting == 1 else f"{waiting:,} events wait"
        key = f"endpoint:{endpoint.name}:{since.isoformat() if since else ''}"
        if endpoint.state == EndpointState.OFF:
            text = (
                f"Endpoint {endpoint.name} answered that it is gone, and is off; {events}. Remove "
                "it, or fix and resume it"
            )
            yield Alert(f"{key}:off", "endpoint", text, path)
        elif counts["parked"]:
            text = (
                f"Endpoint {endpoint.name} refused {counts['parked']:,} of its events, or failed "
                "for three days, so they are no longer sent: "
                f"{endpoint.error or 'see its log'}. Fix it, then resume it"
            )
            yield Alert(f"endpoint:{endpoint.name}:parked", "endpoint", text, path)
        elif since is not None and ctx.now() - since > longest:
            text = f"Endpoint {endpoint.name} does not accept events: {endpoint.error}; {events}"
            yield Alert(key, "endpoint", text, path)


def _stale_registries(ctx: Context) -> Iterator[Alert]:
    """Yield registries that are too old, or have no file yet, until a newer one is imported."""
    now = ctx.now()
    with ctx.store.read() as connection:
        found = load_registries(connection, ctx.settings)
    for registry in found:
        if not registry.is_stale(now):
            continue
        if registry.as_of is None:
            text = f"registry {registry.name}: no file has been imported yet"
        else:
            days = (now - registry.as_of).days
            text = f"registry {registry.name} is stale: its file is {days} days old"
        if registry.denies_when_stale:
            text += "; scrubs deny every number that it covers"
        text += f". Import a newer one: hygiene registries import {registry.name} FILE --replace"
        since = registry.as_of.isoformat() if registry.as_of else "never"
        yield Alert(
            f"registry_stale:{registry.name}:{since}", "registry_stale", text,
            f"/registries/{registry.name}",
        )  # fmt: skip


def _paused_campaigns(ctx: Context) -> Iterator[Alert]:
    """Yield ask campaigns that have paused themselves, until somebody resumes or stops them."""
    c = ask_campaigns.c
    # One that a person has paused has no error.
    query = sa.select(c.id, c.name, c.error).where(c.state == "paused", c.error != "")
    with ctx.store.read() as connection:
        for row in connection.execute(query.order_by(c.id)):
            text = (
                f"Ask campaign {row.name} paused itself: {row.error}. Fix that, then resume "
                f"it: hygiene ask resume {row.name}"
            )
            yield Alert(f"ask_paused:{row.id}:{row.error}", "ask_paused", text,
                        f"/ask/{row.name}")  # fmt: skip


def _old_watermarks(ctx: Context) -> Iterator[Alert]:
    oldest = ctx.settings.alerts.watermark_older_than
    if not oldest:
        return
    with ctx.store.read() as connection:
        for row in connection.execute(sa.select(watermarks)):
            age = ctx.now() - row.position
            if row.connector in ctx.settings.active_connectors and age > oldest:
                hours = int(age.total_seconds() // 3600)
                name = crm_name(row.connector)
                text = f"{name}: changes of {row.object} were last read {hours} h ago"
                key = f"watermark:{row.connector}:{row.object}:{row.position.isoformat()}"
                yield Alert(key, "watermark", text, "/")
