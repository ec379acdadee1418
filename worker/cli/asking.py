"""`hygiene ask`: campaigns that ask customers to confirm or correct their number."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from worker.cli.base import Group, json_option
from worker.cli.choices import Choice
from worker.cli.common import ConnectorName, contact_argument, open_context, user_name
from worker.cli.output import console
from worker.cli.output.times import local_minute
from worker.cli.propagation import later_option, propagate_now

if TYPE_CHECKING:
    from worker.asking.campaigns import Plan, Progress
    from worker.asking.model import Campaign, Request
    from worker.context import Context


@click.group("ask", cls=Group, examples=["hygiene ask list"])
def ask() -> None:
    """Ask customers to confirm or correct their number.

    By text or email, each of them once, with a link to their own page. People who must not be
    contacted are never asked (docs/asking.md).
    """


def _whom(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say who is asked, how, and for how much."""
    options = (
        click.option("--by", "channel", type=Choice(("text", "email")), default="text",
                     show_default=True, help="How they are asked."),
        click.option("--connector", default=None, type=ConnectorName(), metavar="CONNECTOR",
                     help="Only contacts of this CRM."),
        click.option("--segment", default="", metavar="KEY=VALUE",
                     help="Only contacts of a segment: source, campaign, country, month or list."),
        click.option("--unverified", is_flag=True,
                     help="Only contacts with a phone field that is unverified."),
        click.option("--older-than", default="", metavar="AGE",
                     help="Only contacts whose number nobody has confirmed for so long, such as "
                     "365d. With --unverified, either is enough."),
        click.option("--basis", default="", metavar="TEXT",
                     help="The legal basis, in your words. Without it, only contacts whose "
                     "consent to texts is recorded are asked."),
        click.option("--budget", required=True, metavar="AMOUNT",
                     help="The most that all messages may cost."),
        click.option("--per-minute", default=30, show_default=True, metavar="N",
                     type=click.IntRange(1, 3000), help="How many messages a minute."),
    )  # fmt: skip
    for option in reversed(options):
        command = option(command)
    return command


@ask.command("plan", examples=["hygiene ask plan spring --unverified --budget 50"])
@click.argument("name", metavar="NAME")
@_whom
@json_option
def ask_plan(name: str, as_json: bool, **whom: Any) -> None:
    """Show what a campaign would do and cost.

    This is a dry run: nothing is stored or sent, and no CRM is asked.
    """
    from worker.asking import campaigns

    with open_context(read_only=True) as ctx:
        request = _request(name, **whom)
        planned = campaigns.plan(ctx, request)
        _show_plan(planned, _currency(ctx), as_json)


@ask.command("start", examples=['hygiene ask start spring --budget 50 --basis "customers"'])
@click.argument("name", metavar="NAME")
@_whom
@json_option
def ask_start(name: str, as_json: bool, **whom: Any) -> None:
    """Start a campaign; the workers send its messages.

    See first what it would do and cost: `hygiene ask plan`, with the same options.
    """
    from worker.access import audit
    from worker.asking import campaigns

    with open_context() as ctx:
        request = _request(name, **whom)
        campaign = campaigns.start(ctx, request, user_name())
        basis = campaign.basis or "recorded consent"
        audit.note(ctx.store, ctx.now(), user_name(), "ask.start", name, basis)
        _show(ctx, campaign, as_json)


@ask.command("list", examples=["hygiene ask list"])
@json_option
def ask_list(as_json: bool) -> None:
    """List campaigns, newest first, and how each is doing."""
    from worker.asking import campaigns

    with open_context(read_only=True) as ctx:
        listed = campaigns.list_campaigns(ctx)
        done = campaigns.progress(ctx, [campaign.id for campaign in listed])
        currency = _currency(ctx)
    if as_json:
        console.print_json(
            [campaigns.as_json(campaign, done[campaign.id], currency) for campaign in listed]
        )
    elif not listed:
        console.info("no campaigns yet; see what one would do with: hygiene ask plan")
    else:
        table = console.table(
            "name", "by", "state", ">waiting", ">sent", ">opened", ">confirmed", ">corrected",
            ">not me", ">stopped", "~error",
        )  # fmt: skip
        console.rows(table, [_row(campaign, done[campaign.id]) for campaign in listed])
        console.show_table(table)


@ask.command("show", examples=["hygiene ask show spring"])
@click.argument("name", metavar="NAME")
@json_option
def ask_show(name: str, as_json: bool) -> None:
    """Show a campaign: whom it asks, what was sent, and what they said."""
    from worker.asking import campaigns

    with open_context(read_only=True) as ctx:
        _show(ctx, campaigns.find(ctx, name), as_json)


@ask.command("pause", examples=["hygiene ask pause spring"])
@click.argument("name", metavar="NAME")
@json_option
def ask_pause(name: str, as_json: bool) -> None:
    """Send nothing of a campaign for now."""
    _change(name, "pause", as_json)


@ask.command("resume", examples=["hygiene ask resume spring"])
@click.argument("name", metavar="NAME")
@json_option
def ask_resume(name: str, as_json: bool) -> None:
    """Resume a campaign that was paused or that paused itself."""
    _change(name, "resume", as_json)


@ask.command("stop", examples=["hygiene ask stop spring"])
@click.argument("name", metavar="NAME")
@json_option
def ask_stop(name: str, as_json: bool) -> None:
    """End a campaign for good.

    Links that were sent can still be answered.
    """
    _change(name, "stop", as_json)


@ask.command("lift", examples=[
    'hygiene ask lift kim@example.com --reason "wrote that the mailbox works again"',
    'hygiene ask lift hubspot:12345 --reason "asked by phone to be asked again"',
])  # fmt: skip
@click.argument("who", metavar="EMAIL|CONNECTOR:ID")
@click.option("--reason", required=True, metavar="TEXT", help="The reason, which is kept.")
@later_option
@json_option
def ask_lift(who: str, reason: str, later: bool, as_json: bool) -> None:
    """Let somebody be asked by email again, with a reason.

    Lifts a refusal of their address by our mail server, and an opt-out by the unsubscribe link of
    our emails. Never lifts what a CRM says, nor any other opt-out.
    """
    from worker.asking import refusals

    with open_context() as ctx:
        person = (
            refusals.of_email(ctx, who)
            if "@" in who
            else refusals.of_record(ctx, *contact_argument(ctx, who))
        )
        lifted = refusals.lift(ctx, person, user_name(), reason)
        propagated = {} if later else propagate_now(ctx)
    if as_json:
        console.print_json({**lifted.as_json(), **propagated})
        return
    console.out.print(
        f"{lifted.refused:,} refusals of the address and {lifted.unsubscribed:,} opt-outs by our "
        "unsubscribe link lifted"
    )
    for suppression_id in lifted.standing:
        console.info(f"suppression {suppression_id} stands: it rests on more than that link")
    console.info("what a CRM says of the address still counts; it is read before each email")


def _change(name: str, action: str, as_json: bool) -> None:
    from worker.access import audit
    from worker.asking import campaigns

    actions = {"pause": campaigns.pause, "resume": campaigns.resume, "stop": campaigns.stop}
    with open_context() as ctx:
        campaign = actions[action](ctx, name)
        audit.note(ctx.store, ctx.now(), user_name(), f"ask.{action}", name)
        _show(ctx, campaign, as_json)


def _request(name: str, **whom: Any) -> Request:
    from worker.asking.requests import Typed, read

    words = {**whom, "connector": whom["connector"] or "", "per_minute": str(whom["per_minute"])}
    return read(Typed(name, **words))


def _currency(ctx: Context) -> str:
    return ctx.settings.verification.budget.currency


def _show_plan(planned: Plan, currency: str, as_json: bool) -> None:
    document = planned.as_json(currency)
    if as_json:
        console.print_json(document)
        return
    console.out.print(
        f"{planned.messages:,} of {planned.contacts:,} contacts would be asked, for "
        f"{document['cost']:,.2f} {currency} at most",
        soft_wrap=True,
    )
    if planned.affordable < planned.messages:
        console.out.print(f"the budget pays for {planned.affordable:,} of them", soft_wrap=True)
    for title, counts in (("left out", planned.left_out), ("languages", planned.languages)):
        for name, count in counts.most_common():
            console.out.print(f"{title}  {name.replace('_', ' ')} {count:,}", soft_wrap=True)
    for note in planned.notes:
        console.out.print(note, soft_wrap=True)


def _row(campaign: Campaign, done: Progress) -> tuple[str, ...]:
    counts = done.as_json()
    numbers = ("waiting", "sent", "opened", "confirmed", "corrected", "not_me", "stopped")
    return (
        campaign.name, campaign.channel, campaign.state.value,
        *(f"{counts[name]:,}" for name in numbers), campaign.error,
    )  # fmt: skip


def _show(ctx: Context, campaign: Campaign, as_json: bool) -> None:
    from worker.asking import campaigns

    done = campaigns.progress(ctx, [campaign.id])[campaign.id]
    document = campaigns.as_json(campaign, done, _currency(ctx))
    if as_json:
        console.print_json(document)
        return
    money = f"{document['spent']:,.2f} of {document['budget']:,.2f} {document['currency']}"
    for title, text in (
        ("campaign", f"{campaign.name}, by {campaign.channel}: {campaign.state}"),
        ("error", campaign.error),
        ("asks", document["asks"]),
        ("basis", document["basis"]),
        ("started", f"{local_minute(campaign.created_at)} by {campaign.created_by}"),
        ("spent", money),
        *((name.replace("_", " "), f"{document[name]:,}") for name in (
            "waiting", "sent", "uncertain", "refused", "withheld", "opened", "confirmed",
            "corrected", "not_me", "stopped",
        )),
        *((f"not sent: {name.replace('_', ' ')}", f"{n:,}") for name, n in done.reasons.items()),
        *((f"left out: {name.replace('_', ' ')}", f"{n:,}")
          for name, n in campaign.left_out.items()),
    ):  # fmt: skip
        if text:
            console.out.print(f"{title:<28}{text}", soft_wrap=True)
