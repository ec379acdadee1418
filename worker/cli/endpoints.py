"""`hygiene endpoints`: the systems that events are sent to."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import click

from config.event_names import EVENT_NAMES, WEBHOOK
from config.plugins import BUILT_IN_SYSTEMS
from worker.cli.base import Group, json_option
from worker.cli.choices import Choice
from worker.cli.common import open_context
from worker.cli.output import console
from worker.cli.output.times import local_minute

if TYPE_CHECKING:
    from worker.events.endpoints import Endpoint

_ONE_OF_EVENTS = f"EVENT is one of: {', '.join(EVENT_NAMES)}."


@click.group("endpoints", cls=Group, examples=["hygiene endpoints list"])
def endpoints() -> None:
    """List, add, test, pause and replay endpoints of events.

    Each change of a suppression, and what else an endpoint subscribes to, is sent to it as a
    signed webhook (https://www.standardwebhooks.com). An endpoint of another kind is a system with
    a list of its own, such as Klaviyo: suppressions are carried to that list.
    """


@endpoints.command("list", examples=["hygiene endpoints list"])
@json_option
def endpoints_list(as_json: bool) -> None:
    """List endpoints, how each is doing, and how many events wait."""
    from worker.events import endpoints as directory

    with open_context() as ctx:
        directory.apply_settings(ctx)
        listed = [
            (entry, directory.counts(ctx, entry.id)) for entry in directory.all_endpoints(ctx)
        ]
    if as_json:
        console.print_json([{**entry.as_json(), **counts} for entry, counts in listed])
    elif not listed:
        console.info("no endpoints yet; add one with: hygiene endpoints add NAME URL")
    else:
        table = console.table("name", "~address", "state", ">wait", ">parked", "last", "~error")
        console.rows(table, [
            (entry.name, entry.url or entry.kind, entry.health, f"{counts['pending']:,}",
             f"{counts['parked']:,}",
             local_minute(entry.delivered_at) if entry.delivered_at else "never", entry.error)
            for entry, counts in listed
        ])  # fmt: skip
        console.show_table(table)


@endpoints.command(
    "add",
    examples=[
        "hygiene endpoints add dialer https://dialer.example.com/hooks/hygiene",
        "hygiene endpoints add https://dialer.example.com/hooks/hygiene",
        "hygiene endpoints add klaviyo --kind klaviyo",
    ],
)
@click.argument("name")
@click.argument("url", required=False)
@click.option("--kind", default=WEBHOOK, show_default=True,
              type=Choice((WEBHOOK, *BUILT_IN_SYSTEMS)),
              help="A system whose list is kept up to date; its credentials are in the "
              "environment.")  # fmt: skip
@click.option("--event", "types", multiple=True, type=Choice(EVENT_NAMES), metavar="EVENT",
              help=f"Only this event; repeatable, all by default. {_ONE_OF_EVENTS}")  # fmt: skip
@click.option("--hash-numbers", is_flag=True,
              help="Send a keyed hash instead of each number.")  # fmt: skip
@json_option
def endpoints_add(
    name: str, url: str | None, kind: str, types: tuple[str, ...], hash_numbers: bool, as_json: bool
) -> None:
    """Add an endpoint. The secret of a webhook is shown only once.

    A webhook without a NAME is named after its host.
    """
    from worker.events import endpoints as directory

    if url is None and "://" in name:
        name, url = "", name

    if kind != WEBHOOK:
        if url or types or hash_numbers:
            raise click.UsageError("URL, --event and --hash-numbers are for webhooks")
        with open_context() as ctx:
            endpoint = directory.add_system(ctx, name, kind, "admin")
        text = f"{name} added; try its credentials with: hygiene endpoints test {name}"
        _show(endpoint, as_json, text)
        return
    if not url:
        raise click.UsageError("give the URL of the webhook, or --kind")
    with open_context() as ctx:
        endpoint, shown = directory.add(ctx, name, url, types, hash_numbers, "admin")
    if as_json:
        _warn(endpoint)
        console.print_json({
            **endpoint.as_json(), "secret": shown.secret, "number_key": shown.number_key or None,
        })  # fmt: skip
        return
    console.out.print(f"{endpoint.name} added; its events begin now")
    console.out.print(f"secret      {shown.secret}", soft_wrap=True)
    if shown.number_key:
        console.out.print(f"number key  {shown.number_key}", soft_wrap=True)
    console.info("this is shown once; try it with: hygiene endpoints test " + endpoint.name)
    _warn(endpoint)


def _warn(endpoint: Endpoint) -> None:
    """Say on stderr what keeps events from an address that was given just now."""
    if endpoint.error:
        console.info(f"warning: no events reach {endpoint.name} yet: {endpoint.error}")


@endpoints.command("test", examples=["hygiene endpoints test dialer"])
@click.argument("name")
@json_option
def endpoints_test(name: str, as_json: bool) -> None:
    """Send a test event now, and show the answer."""
    from worker.events import delivery, delivery_log

    with open_context() as ctx:
        delivery_id = delivery_log.enqueue_test(ctx, name)
        delivery.deliver(ctx, seconds=1.0)
        sent = delivery_log.load_delivery(ctx, delivery_id)
    if as_json:
        console.print_json(sent.as_json())
    elif sent.state == "delivered":
        console.out.print(f"{name} answered with status {sent.status}")
        if sent.note:
            console.info(sent.note)
    else:
        console.error(f"{name}: {sent.error or 'not sent yet; a worker is at it'}")
    sys.exit(0 if sent.state == "delivered" else 1)


@endpoints.command("pause", examples=["hygiene endpoints pause dialer"])
@click.argument("name")
@json_option
def endpoints_pause(name: str, as_json: bool) -> None:
    """Send nothing to an endpoint for now; its events are kept."""
    from worker.events import endpoints as directory

    with open_context() as ctx:
        endpoint = directory.pause(ctx, name)
    _show(endpoint, as_json, f"{name} is paused; resume it with: hygiene endpoints resume {name}")


@endpoints.command("resume", examples=["hygiene endpoints resume dialer"])
@click.argument("name")
@json_option
def endpoints_resume(name: str, as_json: bool) -> None:
    """Send to an endpoint again.

    Begins with the events that it has not confirmed.
    """
    from worker.events import endpoints as directory

    with open_context() as ctx:
        endpoint = directory.resume(ctx, name)
    _show(endpoint, as_json, f"{name} is active; the workers send what it has missed")


@endpoints.command("change", examples=["hygiene endpoints change dialer --url https://new.example"])
@click.argument("name")
@click.option("--url", default=None, metavar="URL", help="The new address.")
@click.option("--event", "types", multiple=True, type=Choice(EVENT_NAMES), metavar="EVENT",
              help=f"From now on, only this event; repeatable. {_ONE_OF_EVENTS}")  # fmt: skip
@json_option
def endpoints_change(name: str, url: str | None, types: tuple[str, ...], as_json: bool) -> None:
    """Change an endpoint's address or events."""
    from worker.events import endpoints as directory

    if url is None and not types:
        raise click.UsageError("give --url or --event")
    with open_context() as ctx:
        endpoint = directory.change(ctx, name, url, types or None)
    _show(endpoint, as_json, f"{name} changed")
    if url is not None:
        _warn(endpoint)


@endpoints.command("remove", examples=["hygiene endpoints remove dialer"])
@click.argument("name")
def endpoints_remove(name: str) -> None:
    """Remove an endpoint with the log of its deliveries."""
    from worker.events import endpoints as directory

    with open_context() as ctx:
        directory.remove(ctx, name)
    console.info(f"{name} removed")


@endpoints.command("rotate", examples=["hygiene endpoints rotate dialer --keep 48h"])
@click.argument("name")
@click.option("--keep", default="24h", show_default=True, metavar="TIME",
              help="How long events are also signed with the former secret.")  # fmt: skip
@json_option
def endpoints_rotate(name: str, keep: str, as_json: bool) -> None:
    """Give an endpoint a new secret, which is shown only once."""
    from worker.events import endpoints as directory

    age = _duration(keep, "--keep")
    with open_context() as ctx:
        secret = directory.rotate_secret(ctx, name, age)
        endpoint = directory.find(ctx, name)
    if as_json:
        until = endpoint.as_json()["former_secret_until"]
        console.print_json({"secret": secret, "former_secret_until": until})
        return
    console.out.print(f"secret  {secret}", soft_wrap=True)
    if endpoint.former_until:
        console.info(f"the former secret signs too until {local_minute(endpoint.former_until)}")


@endpoints.command("deliveries", examples=["hygiene endpoints deliveries dialer --state parked"])
@click.argument("name")
@click.option("--state", default=None, type=Choice(["pending", "delivered", "parked"]),
              help="Only deliveries in this state.")  # fmt: skip
@click.option("--limit", default=50, show_default=True, metavar="N",
              type=click.IntRange(1, 100_000), help="How many to list.")  # fmt: skip
@json_option
def endpoints_deliveries(name: str, state: str | None, limit: int, as_json: bool) -> None:
    """List what was sent to an endpoint, newest first.

    Also shows what it answered.
    """
    from worker.events import delivery_log

    with open_context(read_only=True) as ctx:
        listed = delivery_log.list_deliveries(ctx, name, state, limit=limit)
    if as_json:
        console.print_json([entry.as_json() for entry in listed])
    elif not listed:
        console.info("nothing was sent yet" if state is None else f"nothing is {state}")
    else:
        table = console.table(">id", "event", "number", "happened", "state", ">tries", "~answer")
        console.rows(table, [
            (str(entry.id), entry.type, entry.number or "-", local_minute(entry.happened_at),
             entry.state, str(entry.attempts + (entry.state == "delivered")),
             entry.error or entry.note or (f"status {entry.status}" if entry.status else ""))
            for entry in listed
        ])  # fmt: skip
        console.show_table(table)


@endpoints.command("retry", examples=["hygiene endpoints retry 4711"])
@click.argument("delivery", type=int, metavar="ID")
@json_option
def endpoints_retry(delivery: int, as_json: bool) -> None:
    """Send one event again now.

    Earlier events of its number that still wait are sent before it.
    """
    from worker.events import delivery as sending
    from worker.events import delivery_log
    from worker.store import pause

    with open_context() as ctx:
        pause.check(ctx.store)
        delivery_log.retry(ctx, delivery)
        sending.deliver(ctx, seconds=1.0)
        sent = delivery_log.load_delivery(ctx, delivery)
    if as_json:
        console.print_json(sent.as_json())
    else:
        console.out.print(f"{delivery}: {sent.state}{f' ({sent.error})' if sent.error else ''}")
    sys.exit(0 if sent.state == "delivered" else 1)


@endpoints.command("replay", examples=["hygiene endpoints replay dialer --since 2d"])
@click.argument("name")
@click.option("--since", required=True, metavar="TIME",
              help="How far back (2d, 6h), or a time such as 2026-11-27T08:00Z.")  # fmt: skip
@json_option
def endpoints_replay(name: str, since: str, as_json: bool) -> None:
    """Send all events since a time again, in their order.

    Each says what holds for its number now, so a replay never brings back what was lifted since.
    """
    from worker.events import delivery_log

    at = _time(since)
    with open_context() as ctx:
        count = delivery_log.replay(ctx, name, at)
    if as_json:
        console.print_json({"events": count})
    else:
        console.out.print(f"{count:,} events are sent again by the workers")


@endpoints.command(
    "backfill",
    examples=["hygiene endpoints backfill klaviyo --dry-run", "hygiene endpoints backfill klaviyo"],
)
@click.argument("name")
@click.option("--dry-run", is_flag=True, help="Only say how many suppressions it would carry over.")
@json_option
def endpoints_backfill(name: str, dry_run: bool, as_json: bool) -> None:
    """Send all current suppressions to a system.

    For an endpoint that was added after them. The workers send them, in order with new changes.
    Run it again to resume a backfill that is under way, or else to start a new one.
    """
    from worker.events import backfill

    with open_context(read_only=dry_run) as ctx:
        count = backfill.count(ctx, name)
        begun = None if dry_run else backfill.start(ctx, name, "admin")
    if as_json:
        shown = begun.as_json() if begun else {"suppressions": count}
        console.print_json({"dry_run": dry_run, **shown})
    elif begun is None:
        console.out.print(f"{count:,} suppressions would be carried to {name}")
    else:
        console.out.print(
            f"{begun.total:,} suppressions are carried to {name} by the workers; {begun.queued:,} "
            f"are enqueued. See: hygiene endpoints deliveries {name}"
        )


def _duration(text: str, option: str) -> timedelta:
    from config.section import parse_duration

    try:
        value = parse_duration(text)
    except ValueError as error:
        raise click.UsageError(f"{option}: {error}") from None
    if not isinstance(value, timedelta):
        raise click.UsageError(f"{option}: write a number and a unit, like 24h")
    return value


def _time(text: str) -> datetime:
    """Read an age or a time; a time without a zone is UTC."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return datetime.now(UTC) - _duration(text, "--since")
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _show(endpoint: Endpoint, as_json: bool, text: str) -> None:
    if as_json:
        console.print_json(endpoint.as_json())
    else:
        console.out.print(text)
