"""`hygiene` commands about who may do what: users, tokens, the audit log."""

from __future__ import annotations

import sys

import click

from worker.access.model import ROLES, SCOPES, AccessError, Role
from worker.cli.base import Command, Group, json_option
from worker.cli.choices import Choice
from worker.cli.common import open_context, user_name
from worker.cli.output import console
from worker.cli.output.times import local_day, local_minute


@click.group("users", cls=Group, examples=["hygiene users list"])
def users() -> None:
    """List, add and remove users; make a login link."""


@users.command("list", examples=["hygiene users list"])
@json_option
def users_list(as_json: bool) -> None:
    """List users who have a password."""
    from worker.access import users as people

    with open_context(read_only=True) as ctx:
        listed = people.list_users(ctx.store)
    if as_json:
        console.print_json([
            {"name": u.name, "role": u.role, "created_at": u.created_at.isoformat()} for u in listed
        ])  # fmt: skip
    elif not listed:
        console.info("no users yet; add one with: hygiene users add NAME --role viewer")
    else:
        table = console.table("name", "role", "since")
        console.rows(table, [(u.name, u.role, local_day(u.created_at)) for u in listed])
        console.show_table(table)


@users.command("add", examples=["hygiene users add kim --role admin"])
@click.argument("name")
@click.option("--role", default="viewer", show_default=True, type=Choice(ROLES),
              help="Viewers look; admins also act.")  # fmt: skip
@click.option(
    "--password",
    envvar="HYGIENE_USER_PASSWORD",
    prompt=True,
    hide_input=True,
    confirmation_prompt=True,
    help="By default you are asked for it, or it is read from HYGIENE_USER_PASSWORD.",
)
def users_add(name: str, role: Role, password: str) -> None:
    """Add a user, or change a password or role.

    Viewers look, admins act.
    """
    from config.settings import SettingsError
    from worker.access import audit
    from worker.access import users as people

    with open_context() as ctx:
        try:
            people.upsert_user(ctx.store, name, password, role, ctx.now())
        except AccessError as error:
            raise SettingsError(str(error)) from None
        audit.note(ctx.store, ctx.now(), user_name(), "user.put", f"{name} ({role})")
    console.out.print(f"{name} may log in as {role}")


@users.command("remove", examples=["hygiene users remove kim"])
@click.argument("name")
def users_remove(name: str) -> None:
    """Remove a user, and end their sessions."""
    from worker.access import audit
    from worker.access import users as people

    with open_context() as ctx:
        if not people.remove(ctx.store, name):
            console.error(f"there is no user {name}; list them: hygiene users list")
            sys.exit(1)
        audit.note(ctx.store, ctx.now(), user_name(), "user.remove", name)
    console.out.print(f"{name} is removed and logged out")


@users.command("login-link", examples=["hygiene users login-link"])
def users_login_link() -> None:
    """Print a link that logs in one browser.

    Only works if no password is set. The link works once, expires after ten minutes, and is printed
    only on a terminal, not into a pipe or a file.
    """
    from config.settings import SettingsError
    from worker.access.ways_in import described, needs_link
    from worker.cli.terminal import print_login_link

    with open_context() as ctx:
        if not needs_link(ctx.settings, ctx.store):
            raise SettingsError(f"no link is needed: {described(ctx.settings, ctx.store)}")
        if not print_login_link(ctx, user_name()):
            raise SettingsError(
                "a login link is printed only on a terminal: run this in one, or set ADMIN_PASSWORD"
            )


@click.group("tokens", cls=Group, examples=["hygiene tokens list"])
def tokens_group() -> None:
    """List, create and revoke tokens of the HTTP API."""


@tokens_group.command("list", examples=["hygiene tokens list"])
@json_option
def tokens_list(as_json: bool) -> None:
    """List tokens, without their secrets."""
    from worker.access import tokens

    with open_context(read_only=True) as ctx:
        api_tokens = tokens.list_tokens(ctx.store)
    if as_json:
        console.print_json([token.as_json() for token in api_tokens])
    elif not api_tokens:
        console.info("no tokens yet; make one with: hygiene tokens make NAME --scope read")
    else:
        table = console.table(">id", "name", "~scopes", "?made by", "last used", "revoked")
        console.rows(table, [
            (str(t.id), t.name, ", ".join(t.scopes), t.created_by,
             local_minute(t.used_at),
             local_day(t.revoked_at, ""))
            for t in api_tokens
        ])  # fmt: skip
        console.show_table(table)


@tokens_group.command("make", examples=["hygiene tokens make dashboard --scope read"])
@click.argument("name")
@click.option("--scope", "scopes", multiple=True, required=True, type=Choice(SCOPES),
              help="What the token may do; repeatable.")  # fmt: skip
@json_option
def tokens_make(name: str, scopes: tuple[str, ...], as_json: bool) -> None:
    """Create a token. It is shown only once."""
    from config.settings import SettingsError
    from worker.access import audit, tokens

    with open_context() as ctx:
        try:
            secret, token = tokens.make(ctx.store, name, scopes, user_name(), ctx.now())
        except AccessError as error:
            raise SettingsError(str(error)) from None
        audit.note(ctx.store, ctx.now(), user_name(), "token.make", f"{token.id} {token.name}")
    if as_json:
        console.print_json({"token": secret, **token.as_json()})
    else:
        console.out.print(secret)
        console.info("copy it now: it will not be shown again")


@tokens_group.command("revoke", examples=["hygiene tokens revoke 4"])
@click.argument("token", metavar="ID", type=int)
def tokens_revoke(token: int) -> None:
    """Revoke a token, with immediate effect."""
    from worker.access import audit, tokens

    with open_context() as ctx:
        if not tokens.revoke(ctx.store, token, ctx.now()):
            console.error(f"there is no active token {token}; list them: hygiene tokens list")
            sys.exit(1)
        audit.note(ctx.store, ctx.now(), user_name(), "token.revoke", str(token))
    console.out.print(f"token {token} is revoked")


@click.command("audit", cls=Command, examples=["hygiene audit --who kim"])
@click.option("--limit", default=50, show_default=True, metavar="N", type=click.IntRange(1, 10_000),
              help="How many entries to list.")  # fmt: skip
@click.option("--who", default="", help="Only what this user or token did.")
@json_option
def audit_command(limit: int, who: str, as_json: bool) -> None:
    """Show what people and tokens did, newest first."""
    from worker.access import audit

    with open_context(read_only=True) as ctx:
        entries = audit.entries(ctx.store, limit=limit, who=who)
    if as_json:
        console.print_json(entries)
    elif not entries:
        console.info("nobody has done anything yet")
    else:
        table = console.table("at", "who", "did", "to", "~why")
        console.rows(table, [
            (local_minute(entry["at"]), entry["who"], entry["action"], entry["target"],
             entry["why"]) for entry in entries
        ])  # fmt: skip
        console.show_table(table)
