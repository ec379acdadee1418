"""`hygiene capture-keys`: the keys with which forms have numbers verified."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

import click

from worker.cli.base import Group, json_option
from worker.cli.common import open_context, user_name
from worker.cli.output import console
from worker.cli.output.times import local_minute

if TYPE_CHECKING:
    from worker.capture.keys import KeyValues
    from worker.capture.model import CaptureKey
    from worker.context import Context


@click.group("capture-keys", cls=Group, examples=["hygiene capture-keys list"])
def capture_keys() -> None:
    """List, add, change, pause, rotate and remove capture keys.

    A form on your website uses such a key to verify the number that somebody types
    (docs/capture.md). The key is public and can do nothing else.
    """


@capture_keys.command("list", examples=["hygiene capture-keys list"])
@json_option
def list_keys(as_json: bool) -> None:
    """List keys, with what each answered today and has spent."""
    from worker.capture import keys

    with open_context(read_only=True) as ctx:
        listed = [keys.described(ctx, key) for key in keys.all_keys(ctx)]
        currency = ctx.settings.verification.budget.currency
    if as_json:
        console.print_json(listed)
    elif not listed:
        console.info(
            "no capture keys yet; add one with: hygiene capture-keys add NAME --origin URL"
        )
    else:
        table = console.table("name", "key", "state", "~origins", ">today", ">paid", "last used")
        console.rows(table, [
            (key["name"], key["key"], key["state"], ", ".join(key["origins"]),
             f"{sum(key['today'].values()):,}", _paid(key, currency), local_minute(key["used_at"]))
            for key in listed
        ])  # fmt: skip
        console.show_table(table)


def _paid(key: dict[str, Any], currency: str) -> str:
    """Say what a key has spent today, of what it may."""
    if not key["day_budget"]:
        return "no lookups"
    return f"{key['spent_today']:.2f} of {key['day_budget']:.2f} {currency}"


def _values(command: Any) -> Any:
    """Add the options that set a key's values."""
    options = (
        click.option("--origin", "origins", multiple=True, metavar="URL",
                     help="A page that shows it is of this origin, such as "
                     "https://www.example.com; repeatable."),
        click.option("--per-minute", type=click.IntRange(1, 6000), metavar="N",
                     help="Numbers a minute, of all visitors together; 120 by default."),
        click.option("--per-address", type=click.IntRange(1, 6000), metavar="N",
                     help="Numbers a minute of one visitor, by their address; 20 by default."),
        click.option("--day-budget", metavar="MONEY",
                     help="What its lookups may cost a day; 0 by default: none is paid for."),
        click.option("--month-budget", metavar="MONEY",
                     help="What its lookups may cost a month; give it with --day-budget."),
    )  # fmt: skip
    for option in reversed(options):
        command = option(command)
    return command


@capture_keys.command(
    "add", examples=["hygiene capture-keys add shop --origin https://shop.example.com"]
)
@click.argument("name")
@_values
@json_option
def add(name: str, as_json: bool, **given: Any) -> None:
    """Add a key, and print the line that a form includes.

    Without a budget it checks the form of numbers alone, and nothing is paid for.
    """
    from worker.capture import keys

    with open_context() as ctx:
        key = keys.add(ctx, name, _key_values(given), user_name())
        _note(ctx, "capture_key.add", key.name, ", ".join(key.origins))
        _show(ctx, key, as_json, f"{key.name} added")


@capture_keys.command(
    "change",
    examples=[
        "hygiene capture-keys change shop --per-minute 300",
        "hygiene capture-keys change shop --day-budget 2 --month-budget 20",
    ],
)
@click.argument("name")
@_values
@json_option
def change(name: str, as_json: bool, **given: Any) -> None:
    """Change a key's origins, rates or budget.

    What is not given stays. --origin replaces all origins.
    """
    from worker.capture import keys

    values = _key_values(given)
    if values == keys.KeyValues():
        raise click.UsageError("give an option to change, such as --origin")
    with open_context() as ctx:
        key = keys.change(ctx, name, values)
        _note(ctx, "capture_key.change", key.name)
        _show(ctx, key, as_json, f"{key.name} changed")


@capture_keys.command("pause", examples=["hygiene capture-keys pause shop"])
@click.argument("name")
@json_option
def pause(name: str, as_json: bool) -> None:
    """Stop answering forms with this key for now.

    The forms still work, without hints.
    """
    from worker.capture import keys

    with open_context() as ctx:
        key = keys.pause(ctx, name)
        _note(ctx, "capture_key.pause", key.name)
        _show(ctx, key, as_json, f"{name} is paused; resume: hygiene capture-keys resume {name}")


@capture_keys.command("resume", examples=["hygiene capture-keys resume shop"])
@click.argument("name")
@json_option
def resume(name: str, as_json: bool) -> None:
    """Answer forms with this key again."""
    from worker.capture import keys

    with open_context() as ctx:
        key = keys.resume(ctx, name)
        _note(ctx, "capture_key.resume", key.name)
        _show(ctx, key, as_json, f"{name} is active")


@capture_keys.command("rotate", examples=["hygiene capture-keys rotate shop --keep 48h"])
@click.argument("name")
@click.option("--keep", default="24h", show_default=True, metavar="TIME",
              help="How long the old key stays valid; 0h: not at all.")  # fmt: skip
@json_option
def rotate(name: str, keep: str, as_json: bool) -> None:
    """Replace a key; forms have to use the new one from then on."""
    from worker.capture import keys

    age = _duration(keep)
    with open_context() as ctx:
        key = keys.rotate(ctx, name, age)
        _note(ctx, "capture_key.rotate", key.name)
        _show(ctx, key, as_json, f"{name} has a new key")
    if key.former_until and not as_json:
        console.info(f"the former key counts too until {local_minute(key.former_until)}")


@capture_keys.command("remove", examples=["hygiene capture-keys remove shop"])
@click.argument("name")
def remove(name: str) -> None:
    """Remove a key with its counts.

    Forms that still show it keep working, without hints.
    """
    from worker.capture import keys

    with open_context() as ctx:
        keys.remove(ctx, name)
        _note(ctx, "capture_key.remove", name)
    console.info(f"{name} removed")


def _key_values(given: dict[str, Any]) -> KeyValues:
    from worker.capture.keys import KeyValues

    return KeyValues(
        given["origins"] or None, given["per_minute"], given["per_address"],
        _money(given["day_budget"], "--day-budget"),
        _money(given["month_budget"], "--month-budget"),
    )  # fmt: skip


def _money(text: str | None, option: str) -> Decimal | None:
    if text is None:
        return None
    try:
        amount = Decimal(text)
    except InvalidOperation:
        amount = Decimal(-1)
    if not amount.is_finite() or not 0 <= amount <= 1_000_000:
        raise click.UsageError(f"{option}: write an amount such as 2.50")
    return amount


def _duration(text: str) -> timedelta:
    from config.section import parse_duration

    try:
        value = parse_duration(text)
    except ValueError as error:
        raise click.UsageError(f"--keep: {error}") from None
    assert isinstance(value, timedelta)
    return value


def _note(ctx: Context, action: str, target: str, why: str = "") -> None:
    from worker.access import audit

    audit.note(ctx.store, ctx.now(), user_name(), action, target, why)


def _show(ctx: Context, key: CaptureKey, as_json: bool, text: str) -> None:
    from worker.capture import keys
    from worker.capture.snippet import snippet

    if as_json:
        console.print_json(keys.described(ctx, key))
        return
    console.out.print(text)
    console.out.print(snippet(ctx.settings, key), soft_wrap=True, markup=False, highlight=False)
