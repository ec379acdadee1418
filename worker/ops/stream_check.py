"""Check the streams of change events: packages, channels in Setup, and when they were heard."""

from __future__ import annotations

from collections.abc import Iterator

from config.connections import kind_of
from config.section import SettingsError
from connectors.errors import ConnectorError
from connectors.named import renamed_errors
from connectors.salesforce.connector import SalesforceConnector
from worker.context import Context
from worker.ops.check import Check
from worker.sync.stream import plan, state


def check_streams(ctx: Context) -> Iterator[Check]:
    """Yield a finding for each channel that the settings switch on; none where none is."""
    heard = {(one.connector, one.channel): one for one in state.health(ctx)}
    for name, section in state.followed(ctx.settings):
        opened = ctx.open(name)
        assert isinstance(opened, SalesforceConnector)
        try:
            with renamed_errors(name):
                feed = opened.change_feed()
        except SettingsError as error:
            yield Check(f"stream {name}", "problem", str(error))
            continue
        try:
            for channel in plan.channels(section):
                what = f"stream {channel}" if name == kind_of(name) else f"stream {name} {channel}"
                try:
                    with renamed_errors(name):
                        topic = feed.topic(channel)
                except ConnectorError as error:
                    yield Check(what, "problem", str(error))
                    continue
                if not topic.can_subscribe:
                    text = "our user may not subscribe; give it 'View All Records' of the object"
                    yield Check(what, "problem", text)
                    continue
                yield _heard(what, heard[(name, channel)])
        finally:
            feed.close()
        if (pull := state.wanted_pull(ctx, name)) is not None:
            text = f"a sync has been wanted since {pull.at:%Y-%m-%d %H:%M} UTC: {pull.reason}"
            yield Check(f"stream {name}", "warning", text)


def _heard(what: str, one: state.Health) -> Check:
    if one.silent_for is None:
        return Check(what, "warning", "no message has come yet: start hygiene stream")
    minutes = int(one.silent_for.total_seconds() // 60)
    if one.silent_for > 2 * state.KEEPALIVE:
        why = one.problem or "is hygiene stream running?"
        return Check(what, "problem", f"no message for {minutes} minutes: {why}")
    last = f"{one.event_at:%Y-%m-%d %H:%M} UTC" if one.event_at else "none yet"
    return Check(what, "ok", f"followed; last event: {last}")
