"""`GET /metrics` for Prometheus: the few figures that tell whether all is well."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timedelta

import redis
import sqlalchemy as sa
from fastapi import APIRouter
from fastapi.responses import Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy.engine import Connection

from worker.capture import counts as capture_counts
from worker.capture import keys as capture_keys
from worker.context import Context
from worker.queries import waiting as waiting_work
from worker.queue.schedule import QUEUES
from worker.store import embedded_redis, heartbeat, set_aside
from worker.store.states import PageState, RunState
from worker.store.tables import (
    CONSENTS_NOT_WRITTEN,
    PAGES_PARKED,
    RUNS_UNDER_WAY,
    alerts,
    consent_writes,
    daily_counts,
    endpoint_backfills,
    endpoints,
    isolations,
    pages,
    provider_states,
    reviews,
    runs,
    watermarks,
)
from worker.sync.runs import removal_holds
from worker.sync.stream import state as streams
from worker.verification import spend_report


def router(ctx: Context) -> APIRouter:
    routes = APIRouter(include_in_schema=False)
    registry = CollectorRegistry()
    registry.register(Tables(ctx))

    @routes.get("/metrics")
    def metrics() -> Response:
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    return routes


class Tables(Collector):
    """Asks the database at each look: every web process says the same."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx

    def describe(self) -> list[GaugeMetricFamily]:
        return []  # nothing is asked at the start

    def collect(self) -> Iterator[GaugeMetricFamily]:
        now = self._ctx.now()
        with self._ctx.store.read() as connection:
            yield _watermark_ages(connection, now)
            yield _active_runs(connection)
            yield _phone_fields(connection)
            yield from self._waiting_reports(connection, now)
            yield _failing_records(connection)
            yield _held_removals(connection)
            yield _open_breakers(connection)
            yield self._budgets(connection, now)
            yield self._captures(connection)
            yield self._capture_budgets(connection)
            yield from self._backfills(connection)
            yield self._consent_writes(connection)
            yield from _counts(connection, now)
        yield from self._heartbeat(now)
        yield from self._streams()
        yield self._queues()
        yield self._set_aside()

    def _waiting_reports(
        self, connection: Connection, now: datetime
    ) -> Iterator[GaugeMetricFamily]:
        waiting = _gauge("reports_pending", "Reports that a CRM has not confirmed", "connector")
        oldest = _gauge("reports_oldest_seconds", "Age of the oldest of them", "connector")
        for name, count, since in waiting_work.reports_by_connector(
            connection, sorted(self._ctx.settings.active_connectors)
        ):
            waiting.add_metric([name], count)
            oldest.add_metric([name], (now - since).total_seconds())
        yield waiting
        yield oldest

    def _budgets(self, connection: Connection, now: datetime) -> GaugeMetricFamily:
        gauge = _gauge("budget_used_ratio", "Share of a budget that is used up", "cap")
        ctx = self._ctx
        report = spend_report.report(connection, ctx.providers, ctx.settings.verification, now, 1)
        for cap in report["caps"]:
            if cap["cap"]:
                gauge.add_metric([cap["name"]], cap["used"] / cap["cap"])
        return gauge

    def _captures(self, connection: Connection) -> GaugeMetricFamily:
        text = "Numbers of forms and portals today (UTC)"
        gauge = _gauge("capture_answers", text, "key", "outcome")
        for name, outcome, count in capture_counts.of_today(connection, self._ctx):
            gauge.add_metric([name, outcome], count)
        return gauge

    def _heartbeat(self, now: datetime) -> Iterator[GaugeMetricFamily]:
        age = heartbeat.age(self._ctx.store, now)
        for name, text in (
            ("heartbeat_age_seconds", "Seconds since beat and a worker were last seen at work"),
            ("pulse_age_seconds", "Deprecated: use hygiene_heartbeat_age_seconds"),
        ):
            gauge = _gauge(name, text)
            if age is not None:
                gauge.add_metric([], age.total_seconds())
            yield gauge

    def _streams(self) -> Iterator[GaugeMetricFamily]:
        """How the streams of change events are, where they are switched on."""
        silence = _gauge(
            "stream_silence_seconds", "Since the last word of a stream of change events",
            "connector", "channel",
        )  # fmt: skip
        lag = _gauge(
            "stream_lag_seconds", "From the last event's commit in the CRM until it was stored",
            "connector", "channel",
        )  # fmt: skip
        events = _gauge(
            "stream_events", "Change events taken so far, by type", "connector", "channel", "type"
        )
        pulls = _gauge("stream_pull_wanted", "1: changes are to be pulled", "connector")
        for one in streams.health(self._ctx):
            if one.silent_for is not None:
                silence.add_metric([one.connector, one.channel], one.silent_for.total_seconds())
            if one.lag is not None:
                lag.add_metric([one.connector, one.channel], one.lag.total_seconds())
            for kind, count in one.counts.items():
                events.add_metric([one.connector, one.channel, kind], count)
        for name, _section in streams.followed(self._ctx.settings):
            pulls.add_metric([name], float(streams.wanted_pull(self._ctx, name) is not None))
        yield from (silence, lag, events, pulls)

    def _backfills(self, connection: Connection) -> Iterator[GaugeMetricFamily]:
        """Yield what each list under way to an endpoint has still to enqueue, and since when."""
        left = _gauge("endpoint_backfill_left", "Suppressions still to be enqueued", "endpoint")
        age = _gauge("endpoint_backfill_age_seconds", "Since when a list is under way", "endpoint")
        b, e = endpoint_backfills.c, endpoints.c
        query = (
            sa.select(e.name, b.total, b.queued, b.started_at)
            .select_from(endpoint_backfills.join(endpoints, e.id == b.endpoint_id))
            .where(b.finished_at.is_(None))
        )
        for row in connection.execute(query.order_by(e.name)):
            left.add_metric([row.name], max(0, row.total - row.queued))
            age.add_metric([row.name], (self._ctx.now() - row.started_at).total_seconds())
        yield left
        yield age

    def _consent_writes(self, connection: Connection) -> GaugeMetricFamily:
        """Count the consent records that are not as they are to be, by their index."""
        text = "Consent records that are still to be written"
        waiting = _gauge("consent_writes_open", text, "connector", "state")
        c = consent_writes.c
        query = (
            sa.select(c.connector, c.state, sa.func.count())
            .where(sa.text(CONSENTS_NOT_WRITTEN))
            .group_by(c.connector, c.state)
        )
        for connector, state, count in connection.execute(query):
            waiting.add_metric([connector, state], count)
        return waiting

    def _capture_budgets(self, connection: Connection) -> GaugeMetricFamily:
        """What each capture key has used of its budgets."""
        used = _gauge("capture_budget_used_ratio", "Share of a key's budget", "key", "period")
        for key in capture_keys.all_keys(self._ctx):
            if key.pays:
                spent = capture_keys.spent(connection, key.id, self._ctx.now())
                used.add_metric([key.name, "day"], spent["spent_today"] / float(key.day_budget))
                used.add_metric(
                    [key.name, "month"], spent["spent_this_month"] / float(key.month_budget)
                )
        return used

    def _queues(self) -> GaugeMetricFamily:
        """How many messages wait in Redis. None is told while Redis is away."""
        depth = _gauge("queue_depth", "Messages that wait for a worker", "queue")
        url = self._ctx.settings.redis_url or embedded_redis.url(self._ctx.settings.home)
        with suppress(redis.RedisError):
            client = embedded_redis.client(url)
            for name in QUEUES:
                depth.add_metric([name], client.llen(name))
        return depth

    def _set_aside(self) -> GaugeMetricFamily:
        """Messages that no worker could read. None is told while Redis is away."""
        gauge = _gauge("messages_set_aside", "Messages in Redis that were not our tasks")
        with suppress(redis.RedisError):
            url = self._ctx.settings.redis_url or embedded_redis.url(self._ctx.settings.home)
            gauge.add_metric([], set_aside.count(embedded_redis.client(url)))
        return gauge


def _gauge(name: str, text: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"hygiene_{name}", text, labels=labels)


def _watermark_ages(connection: Connection, now: datetime) -> GaugeMetricFamily:
    gauge = _gauge("watermark_age_seconds", "Since when changes were read last", "connector")
    w = watermarks.c
    query = sa.select(w.connector, sa.func.min(w.position)).group_by(w.connector)
    for name, at in connection.execute(query):
        gauge.add_metric([name], (now - at).total_seconds())
    return gauge


def _active_runs(connection: Connection) -> GaugeMetricFamily:
    gauge = _gauge("runs_active", "Runs under way or paused", "connector", "state")
    c = runs.c
    query = (
        sa.select(c.connector, c.state, sa.func.count())
        .where(RUNS_UNDER_WAY)
        .group_by(c.connector, c.state)
    )
    for name, state, count in connection.execute(query):
        gauge.add_metric([name, state], count)
    return gauge


def _phone_fields(connection: Connection) -> GaugeMetricFamily:
    gauge = _gauge("phone_fields", "Phone fields by status", "connector", "status")
    latest = sa.select(sa.func.max(daily_counts.c.day)).scalar_subquery()
    for row in connection.execute(sa.select(daily_counts).where(daily_counts.c.day == latest)):
        for status, count in row.statuses.items():
            gauge.add_metric([row.connector, status], count)
    return gauge


def _failing_records(connection: Connection) -> GaugeMetricFamily:
    gauge = _gauge("records_failing", "Records that cannot be written", "connector", "kind")
    for name, kind, count in waiting_work.failures_by_kind(connection):
        gauge.add_metric([name, kind], count)
    return gauge


def _held_removals(connection: Connection) -> GaugeMetricFamily:
    text = "Contacts that a full read would remove, and did not"
    gauge = _gauge("removals_held", text, "connector", "object")
    for hold in removal_holds.load(connection):
        gauge.add_metric([hold.connector, hold.object], hold.records)
    return gauge


def _open_breakers(connection: Connection) -> GaugeMetricFamily:
    gauge = _gauge("provider_left_alone", "1: its circuit breaker is open", "provider")
    query = sa.select(provider_states.c.name, provider_states.c.breaker)
    for name, state in connection.execute(query):
        gauge.add_metric([name], float(state == "open"))
    return gauge


def _counts(connection: Connection, now: datetime) -> Iterator[GaugeMetricFamily]:
    """Yield what is counted by one query each."""
    p = pages.c
    running = sa.select(runs.c.id).where(RUNS_UNDER_WAY, runs.c.state == RunState.RUNNING)
    for name, text, tests in (
        ("pages_waiting", "Pages of contacts that were read and are not done",
         (p.state == PageState.STORED, p.run_id.in_(running))),
        ("pages_parked", "Pages set aside within the last day, after too many tries",
         (PAGES_PARKED, p.stored_at > now - timedelta(days=1))),
        ("reviews_open", "Replies that wait for a person", (reviews.c.decision == "",)),
        ("segments_isolated", "Segments that are isolated",
         (isolations.c.active_key.is_not(None),)),
        ("alerts_standing", "What needs a person now", (alerts.c.resolved_at.is_(None),)),
    ):  # fmt: skip
        gauge = _gauge(name, text)
        gauge.add_metric([], connection.scalar(sa.select(sa.func.count()).where(*tests)) or 0)
        yield gauge
