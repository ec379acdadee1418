"""Let a connection's name take another account of its CRM: production after a trial, say.

The same ids mean other people there. So all that names records of the former account leaves the
name first: what our index knows of them is dropped (`worker.ops.former_records`), and the rest gets
the former account's name (`worker.store.former_account`). Nothing that somebody said is lost:

- What was said of a number, or of a person whose email is known, holds in the new account as
  everywhere.
- What was said of one record alone stays with that record. A stop holds for whoever has the number
  in the new account, too (`worker.feedback.former_accounts`).
- If the name goes back to a former account, what is left of that account is its own again.

How nothing of the former account comes in late:

- From the first step on no account is the right one (`crm_accounts.BEING_CHANGED`): whoever opens
  the connection is refused, with the new login as with the former one. A run is opened only while
  its account is held (`Context.require_account`), and a change waits for runs under way.
- A process that still has the former login is refused afterwards, each time it opens the
  connection. Its webhooks name another account.
- Places up to which calls, consent records, lists and change events were read are forgotten, so the
  new account's are read from their beginning.
- Links and keyed hashes hold the lasting name of the account that they were made for.

A CRM that does not tell its account, such as that of an installed package, is never refused; the
change is the operator's word alone.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import asdict, dataclass, replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from config import connections
from config.errors import HygieneError
from worker.access import audit
from worker.asking.model import LeftOut, MessageState
from worker.context import Context
from worker.feedback import field_notes
from worker.feedback.sources import call_outcomes, consent_records, dispositions
from worker.leases import is_alive
from worker.ops import former_records
from worker.ops.former_records import Dropped, Former
from worker.store import crm_accounts, former_account, locks, lost_fields, setbacks
from worker.store.crm_accounts import Accounts
from worker.store.locks import Lock
from worker.store.outbox import DeliveryState
from worker.store.states import PageState, RunState
from worker.store.tables import (
    RUNS_UNDER_WAY,
    ask_messages,
    change_streams,
    changed_records,
    contacts,
    deliveries,
    list_members,
    pages,
    poll_cursors,
    rechecks,
    runs,
    schemas,
    stream_subscribers,
)
from worker.sync.runs import crm_quota
from worker.sync.runs.model import Run, RunActiveError

_ENDED = "ended, because the account of the connection was changed"
# What may have come in while the account was being changed.
_LATE = (changed_records, list_members, rechecks)
_PLACES = (schemas, change_streams, stream_subscribers)


class AccountChangeError(HygieneError):
    """The name cannot take an account, or need not."""

    exit_code = 2
    http_status = 409


@dataclass(frozen=True, slots=True)
class Change:
    """A change of a connection's account. `former`, `account`: ids of the accounts, "" where the
    CRM does not tell them. `accounts`: all of the connection, the new one being the target.
    `returns`: the name has gone to that account before. `resumes`: a change was stopped before."""

    connector: str
    former: str
    account: str
    accounts: Accounts
    returns: bool = False
    resumes: bool = False

    @property
    def place(self) -> int:
        assert self.accounts.target is not None
        return self.accounts.target

    @property
    def stays(self) -> bool:
        """Whether the former credentials are back, after a change that was stopped."""
        return self.place == self.accounts.current

    @property
    def former_name(self) -> str:
        return connections.former_name(self.connector, self.accounts.current + 1)


@dataclass(frozen=True, slots=True)
class Counts:
    """What goes, or went: see `Dropped`. `reports`: that name a record of the former account."""

    dropped: Dropped
    reports: int

    def as_json(self) -> dict[str, int]:
        return {**asdict(self.dropped), "reports": self.reports}


def plan(ctx: Context, connector: str) -> Change:
    """Return the change to the account that the connection's login goes to now, which the CRM is
    asked. Raises `AccountChangeError` where it cannot or need not be made, `ConnectorError`."""
    if connections.is_file(connector):
        raise AccountChangeError(f"{connector} is a list on disk, which has no account")
    account = ctx.open(connector).account_id()
    if not account and connections.kind_of(connector) in crm_accounts.KINDS:
        raise AccountChangeError(f"{connector}: the CRM did not tell which account this is")
    with ctx.store.read() as connection:
        accounts = crm_accounts.load_accounts(connection, connector)
    known = crm_accounts.of_records(ctx.store, connector)
    if accounts.target is None:
        if account and account == known:
            raise AccountChangeError(
                f"{connector} goes to account {account}, which its records are of: there is "
                "nothing to change. First set the new account's credentials, and restart the "
                "processes"
            )
        ids = [*accounts.ids]
        ids[accounts.current] = known  # the CRM may not have told it when it was stored
        accounts = replace(accounts, ids=tuple(ids))
    if other := _whose(ctx, connector, account):
        raise AccountChangeError(
            f"{connector} goes to account {account} now, which is that of {other}: mend the "
            "credentials of one of the two"
        )
    resumes = accounts.target is not None
    returns = not resumes and account in filter(None, accounts.ids)
    former = accounts.ids[accounts.current]
    return Change(connector, former, account, _aim(accounts, account), returns, resumes)


def _whose(ctx: Context, connector: str, account: str) -> str:
    """Return another connection of the settings whose records are of this account, or ""."""
    kind = connections.kind_of(connector)
    return next(
        (
            other
            for other in ctx.settings.declared_connectors
            if account
            and other != connector
            and connections.kind_of(other) == kind
            and crm_accounts.of_records(ctx.store, other) == account
        ),
        "",
    )


def _aim(accounts: Accounts, account: str) -> Accounts:
    if account and account in accounts.ids:
        return replace(accounts, target=accounts.ids.index(account))
    if not account and accounts.target is not None:  # it goes on where it was stopped
        return accounts
    return replace(accounts, ids=(*accounts.ids, account), target=len(accounts.ids))


def count(ctx: Context, change: Change) -> Counts:
    """Return what `execute` would drop and keep now."""
    with ctx.store.read() as connection:
        reports = former_account.count_reports(connection, change.connector)
    return Counts(former_records.count(ctx, Former(change.connector)), reports)


def execute(ctx: Context, change: Change, by: str) -> Generator[Dropped]:
    """Change the account; yields what was dropped so far. What is left is done by another call.
    Raises `RunActiveError` and `AccountChangeError` while work is under way.

    1. From here on nobody opens the connection.
    2. What our index holds of the former account is dropped, some at a time.
    3. What was written there gets the former account's name, some at a time.
    4. In one transaction, so does all the rest; what was remembered of the former account's schema
       and of how far it was read is forgotten; the name has the new account.
    """
    name = change.connector
    with ctx.store.write() as connection:
        crm_accounts.store_accounts(connection, name, change.accounts)  # no run begins from here on
        _require_idle(ctx, connection, name)
    done = Dropped()
    for done in former_records.drop_unchecked(ctx, Former(name), by):
        yield done
    names = (change.former_name, name) if change.stays else (name, change.former_name)
    for _ in former_account.rename_writes(ctx.store, *names):
        yield done
    with ctx.store.write() as connection:
        locks.acquire(connection, Lock.APPLYING_REPORTS)
        _require_idle(ctx, connection, name)
        _finish(connection, change)
        target = f"{name}: {change.former or 'unknown'} -> {change.account or 'unknown'}"
        audit.record(connection, ctx.now(), by, "crm.change_account", target)
    yield done


def _finish(connection: Connection, change: Change) -> None:
    name, accounts = change.connector, change.accounts
    held = sa.select(contacts.c.record_id).where(contacts.c.connector == name).limit(1)
    if connection.scalar(held) is not None:
        raise AccountChangeError(
            f"{name}: a process of an earlier release still reads it: stop it, then run this again"
        )
    waiting = (deliveries.c.connector == name, deliveries.c.state == DeliveryState.PENDING)
    connection.execute(sa.delete(deliveries).where(*waiting))
    for table in (*_LATE, *_PLACES):
        connection.execute(sa.delete(table).where(table.c.connector == name))
    _withhold_messages(connection, name)
    if not change.stays:
        notes = field_notes.source_of(name)
        former_account.rename(connection, name, change.former_name, notes)
        kept_as = connections.former_name(name, change.place + 1)  # if it went there before
        former_account.rename(connection, kept_as, name, notes)
    lists = poll_cursors.c.name.startswith(f"list:{name}:", autoescape=True)
    connection.execute(sa.delete(poll_cursors).where(lists))
    dispositions.forget_place(connection, name)
    consent_records.forget_place(connection, name)
    for part in (call_outcomes, lost_fields, setbacks, crm_quota):
        part.forget(connection, name)
    settled = Accounts(accounts.ids, change.place)
    crm_accounts.store_accounts(connection, name, settled)


def _withhold_messages(connection: Connection, name: str) -> None:
    """Ask nobody of whom nothing is known any more."""
    m = ask_messages.c
    values: dict[str, Any] = {"state": MessageState.WITHHELD, "reason": LeftOut.CONTACT_GONE}
    waiting = (m.connector == name, m.state == MessageState.WAITING)
    connection.execute(sa.update(ask_messages).where(*waiting).values(**values))


def _require_idle(ctx: Context, connection: Connection, name: str) -> None:
    """Raise where work is under way at the connection. A run that is open although no process works
    on it ends here: it could not go on in another account."""
    now, p = ctx.now(), pages.c
    working = (
        sa.select(runs, p.owner, p.lease_expires_at)
        .join(pages, p.run_id == runs.c.id)
        .where(
            runs.c.connector == name, p.state == PageState.STORED, p.owner.is_not(None),
            p.lease_expires_at > now,
        )
    )  # fmt: skip
    for row in connection.execute(working):
        if is_alive(row.owner):
            raise RunActiveError(name, Run.from_row(row))
    query = sa.select(runs).where(RUNS_UNDER_WAY, runs.c.connector == name)
    for row in connection.execute(query).all():
        until = row.reader_lease_expires_at
        if until is not None and until > now and is_alive(row.reader_owner):
            raise RunActiveError(name, Run.from_row(row))
        if row.state == RunState.PAUSED:
            raise AccountChangeError(
                f"{name}: run {row.id} is paused, and cannot go on in another account; to end it: "
                f"hygiene runs cancel {row.id}"
            )
        _end(connection, row, ctx)


def _end(connection: Connection, row: Any, ctx: Context) -> None:
    values: dict[str, Any] = {
        "state": RunState.CANCELLED, "active_key": None, "finished_at": ctx.now(),
        "reader_owner": None, "notes": [*row.notes, _ENDED],
    }  # fmt: skip
    connection.execute(sa.update(runs).where(runs.c.id == row.id).values(**values))
    stored = (pages.c.run_id == row.id, pages.c.state == PageState.STORED)
    connection.execute(sa.update(pages).where(*stored).values(payload=None))
