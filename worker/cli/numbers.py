"""`hygiene` commands about one number or one contact: number, contact, link, evidence, forget."""

from __future__ import annotations

import click

from worker.cli.base import Command, json_option
from worker.cli.common import connector_argument, contact_argument, number_argument, open_context
from worker.cli.output import console
from worker.cli.output.numbers import show_evidence, show_number
from worker.cli.output.times import local_minute


@click.command("link", cls=Command, examples=["hygiene link hubspot 12345"])
@connector_argument()
@click.argument("record_id", metavar="ID")
@click.option(
    "--number", default=None, metavar="E164", help="Which number, if the contact has several."
)
@json_option
def link(connector: str, record_id: str, number: str | None, as_json: bool) -> None:
    """Create a link to a contact's own page.

    There the contact confirms, corrects or withdraws a number.
    """
    from config.settings import SettingsError
    from worker.feedback import intake as receive
    from worker.feedback import ownership, records
    from worker.store import crm_accounts
    from worker.suppression import confirm_links

    with open_context(connector) as ctx:
        if not ctx.settings.public_url:
            raise SettingsError("PUBLIC_URL: missing; links start with it")
        object_name, record_id = records.locate_record(ctx, connector, record_id)
        numbers = receive.numbers_of_contact(ctx, connector, object_name, record_id)
        if ownership.is_organisation(f"{connector}/{object_name}/", ctx.organisations):
            raise click.UsageError(
                f"{connector} {record_id}: {object_name} holds numbers of organisations, which are "
                f"nobody's to confirm (connectors.{connector}.objects.{object_name}.owner)"
            )
        wanted = number_argument(number, "--number") if number else next(iter(numbers), None)
        if wanted is None or wanted not in numbers:
            raise click.UsageError(
                f"{connector} {record_id}: our index does not have this number; sync it first"
                if numbers or number
                else f"{connector} {record_id}: our index has no number of it; sync it first"
            )
        with ctx.store.read() as connection:
            account = crm_accounts.lasting_name(connection, connector)
        key = f"{account}/{object_name}/{record_id}"
        lifetime = ctx.settings.feedback.link_lifetime
        token = confirm_links.create_token(ctx.keys, key, wanted, ctx.now(), lifetime)
        address = confirm_links.url(ctx.settings.public_url, token)
        expires = confirm_links.read_token(ctx.keys, token, ctx.now()).expires
    if as_json:
        console.print_json({"link": address, "expires": expires.isoformat()})
    else:
        console.out.print(address)
        console.info(f"valid until {expires:%d %b %Y}")


@click.command("evidence", cls=Command, examples=["hygiene evidence +14155550123"])
@click.argument("number", metavar="NUMBER")
@json_option
def evidence(number: str, as_json: bool) -> None:
    """Show what was reported about a number, and when.

    Also shows how it was reported, and when each CRM confirmed it.
    """
    from worker.suppression import evidence as evidence_of

    e164 = number_argument(number, "NUMBER")
    with open_context(read_only=True) as ctx:
        details = evidence_of.number_evidence(ctx, e164)
    if as_json:
        console.print_json(details)
    else:
        show_evidence(details)


@click.command(
    "forget",
    cls=Command,
    examples=["hygiene forget --number +14155550123", "hygiene forget --contact hubspot:12345"],
)
@click.option(
    "--number", default=None, metavar="E164", help="A number and the contacts that have it."
)
@click.option("--contact", "contact", default=None, metavar="CONNECTOR:ID", help="One contact.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
def forget(number: str | None, contact: str | None, yes: bool, as_json: bool) -> None:
    """Erase personal data (GDPR). Suppressions of a number stay, as a keyed hash.

    Erase the contact in the CRM first, or the next sync reads it again.
    """
    from worker.feedback import reply_model
    from worker.ops.warehouse.exported_to import directories
    from worker.suppression import erasure as forgetting

    if bool(number) == bool(contact):
        raise click.UsageError("give --number or --contact")
    with open_context() as ctx:
        if number:
            e164 = number_argument(number, "--number")
            what = "this number and the contacts that have it"
        else:
            name, object_name, record_id = contact_argument(ctx, contact or "")
            what = f"{name} {record_id}"
        if not yes and not as_json:
            click.confirm(f"Permanently erase {what} here?", abort=True)
        if number:
            done = forgetting.erase_number(ctx, e164, "admin")
        else:
            done = forgetting.erase_contact(ctx, name, object_name, record_id, "admin")
        unused, exported_to = reply_model.why_unused(ctx), directories(ctx.store)
    for directory in exported_to:
        console.info(
            "files of an earlier export may hold what was erased, until you run: "
            f"hygiene export --parquet {directory}"
        )
    if unused:
        console.info(unused)
    if as_json:
        console.print_json(done.as_json())
        return
    counts = ", ".join(
        f"{count:,} {what.removesuffix('s') if count == 1 else what}"
        for what, count in done.as_json().items()
        if count
    )
    console.out.print(f"erased: {counts or 'nothing was known'}")


@click.command(cls=Command, examples=["hygiene number +14155550123"])
@click.argument("text", metavar="NUMBER")
@json_option
def number(text: str, as_json: bool) -> None:
    """Show everything known about a number.

    Also shows why its contacts are flagged.
    """
    from worker.queries import number_head
    from worker.queries.number import number_details

    e164 = number_argument(text, "NUMBER")
    with open_context(read_only=True) as ctx:
        details = number_details(ctx, e164)
        with ctx.store.read() as connection:
            reports = number_head.load_reports(ctx, connection, e164)
        head = number_head.head_of(ctx, e164, reports)
    if as_json:
        console.print_json({**details, "head": head})
    else:
        show_number(details, head)


@click.command("contact", cls=Command, examples=["hygiene contact hubspot 12345"])
@connector_argument()
@click.argument("record", metavar="ID")
@json_option
def contact(connector: str, record: str, as_json: bool) -> None:
    """Show a record as our index has it, and our writes to it."""
    from connectors.errors import InvalidRequestError
    from worker.feedback import records
    from worker.queries import timeline

    with open_context(connector, read_only=True) as ctx:
        try:
            name, record = records.locate_record(ctx, connector, record)
            details = timeline.record_timeline(ctx, connector, name, record)
        except (InvalidRequestError, timeline.NoSuchRecordError) as error:
            raise click.UsageError(str(error)) from None
    if as_json:
        console.print_json(details)
        return
    console.out.print(f"{connector} {details['object']} {record}: {details['reason'] or ''}",
                      markup=False)  # fmt: skip
    table = console.table("field", "number", "status")
    numbers = {row["field"]: row["number"] for row in details["numbers"]}
    console.rows(table, [
        (field, numbers.get(field, ""), console.styled(status))
        for field, status in details["statuses"].items()
    ])  # fmt: skip
    console.show_table(table)
    table = console.table("at", "run", "what", "~fields")
    console.rows(table, [
        (local_minute(event["at"]), event["run"], event["text"] or event["title"],
         ", ".join(event["after"])) for event in details["timeline"]
    ])  # fmt: skip
    console.show_table(table)
