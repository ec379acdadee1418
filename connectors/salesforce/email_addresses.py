"""Who has opted out of email, asked of the org by address.

Our index knows the records of the last sync. A record that was created since then, or was given an
address since then, may hold an opt-out of that address as well. So contacts and leads, and person
accounts where those are read, are searched for the addresses themselves, also where the settings
leave one of these objects out. SOQL reads the records, and no index that lags behind them, and
compares text without regard to case.

A converted lead counts too: it cannot be told whether its opt-out has reached the contact.

Where an org keeps privacy records, those of the people found are read in a second call
(`email_consents`). An address that bounced when Salesforce sent to it is not emailed either, until
it is replaced or confirmed there: `EmailBouncedDate`, which is of the standard email field.

Sources: SOQL and SOSL Reference, "Comparison Operators" (text is compared without regard to case);
REST API Developer Guide, "Status Codes and Error Responses" (the length of a URI); Salesforce Help,
"Enable Email Bounce Handling" and "Bounce Management Explained"; see docs/salesforce-facts.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote

from connectors.errors import SchemaChangedError
from connectors.fields import ObjectFields
from connectors.records import EmailRefusal, Schema, worst_refusal
from connectors.salesforce import email_consents, relations
from connectors.salesforce.consent_records import link_of
from connectors.salesforce.email_consents import Ask
from connectors.salesforce.email_opt_outs import OWN, refusal_of
from connectors.salesforce.soql import Query, listed

# Octets of addresses in a query, as its URL has them: with two fields to look into, a query stays
# under the 16,384 that Salesforce allows in a URI.
_MOST = 6_000
_STANDARD = {"Contact": "Email", "Lead": "Email", "Account": "PersonEmail"}
_BOUNCED = {"Contact": "EmailBouncedDate", "Lead": "EmailBouncedDate",
            "Account": "PersonEmailBouncedDate"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Target:
    """An object that is searched. `fields`: that hold an address, the standard one first; `bounced`
    and `individual`: the fields for these, "" where the org does not show them; `is_read`: by our
    syncs, so that an org that does not show it to us leaves a doubt."""

    object: str
    fields: tuple[str, ...]
    bounced: str
    individual: str
    is_read: bool

    def soql(self, addresses: Sequence[str], with_answers: bool = True) -> str:
        tests = " OR ".join(f"{field} IN {listed(addresses)}" for field in self.fields)
        answers = (OWN[self.object], *filter(None, (self.bounced, self.individual)))
        columns = ("Id", *self.fields, *(answers if with_answers else ()))
        return Query(self.object, columns, (f"({tests})",)).soql()

    def addresses(self, row: Mapping[str, Any]) -> set[str]:
        return {str(row[field]).casefold() for field in self.fields if row[field]}


def fields_to_know(object_name: str) -> tuple[str, str]:
    """Return the fields of an object that tell of a bounce, and name the `Individual`."""
    return _BOUNCED.get(object_name, ""), link_of(object_name)


def targets(
    fields: Mapping[str, ObjectFields], schema: Schema, has_people_as_accounts: bool
) -> list[Target]:
    """Return what is searched. `fields`: of the objects that are read; `schema`: of the same."""
    names = ("Contact", "Lead", *(("Account",) if has_people_as_accounts else ()))
    found = []
    for name in names:
        mapped = fields[name].email if name in fields else ""
        own = () if not mapped or relations.is_path(mapped) else (mapped,)
        columns = tuple(dict.fromkeys((_STANDARD[name], *own)))
        entries = schema.get(name, {})
        bounced, individual = (key if key in entries else "" for key in fields_to_know(name))
        found.append(Target(name, columns, bounced, individual, name in fields))
    return found


def refusals(
    ask: Ask, searched: Sequence[Target], addresses: Sequence[str], now: datetime
) -> dict[str, EmailRefusal]:
    """Return which of these addresses some record refuses emails for. `ask`: the rows of each
    query, or why it is refused."""
    refused: dict[str, EmailRefusal] = {}
    for batch in _batches(addresses):
        wanted = {address.casefold(): address for address in batch}
        for address, refusal in _of_batch(ask, searched, batch, now):
            if address in wanted:
                given = wanted[address]
                refused[given] = worst_refusal(refusal, refused.get(given, refusal))
    return refused


def _of_batch(
    ask: Ask, searched: Sequence[Target], batch: Sequence[str], now: datetime
) -> Iterator[tuple[str, EmailRefusal]]:
    """Yield addresses in small letters, with what is against emailing them."""
    has_individuals = any(target.individual for target in searched)
    soqls = [target.soql(batch) for target in searched]
    answers = ask([*soqls, *([email_consents.points(batch)] if has_individuals else ())])
    hidden: list[Target] = []
    people = email_consents.People()
    for target, answer in zip(searched, answers[: len(searched)], strict=True):
        if isinstance(answer, SchemaChangedError):
            hidden.append(target)
            continue
        for row in answer:
            found = target.addresses(row)
            if (refusal := refusal_of(row, OWN[target.object])) is not None:
                yield from ((address, refusal) for address in found)
            if target.bounced and row[target.bounced] and row[target.fields[0]]:
                yield str(row[target.fields[0]]).casefold(), "bad_address"
            if target.individual and row[target.individual]:
                people.add_individual(row[target.individual], found)
    if has_individuals:
        of_points = answers[-1]
        if isinstance(of_points, SchemaChangedError):  # any address may be one that opted out
            yield from ((address.casefold(), "unreadable") for address in batch)
        else:
            yield from people.add_points(of_points)
    yield from email_consents.refusals(ask, people, now)
    yield from _of_hidden(ask, hidden, batch).items()


def _of_hidden(ask: Ask, hidden: Sequence[Target], batch: Sequence[str]) -> dict[str, EmailRefusal]:
    """Return the addresses, in small letters, of records whose opt-out our user cannot read."""
    refused: dict[str, EmailRefusal] = {}
    answers = ask([target.soql(batch, with_answers=False) for target in hidden]) if hidden else []
    for target, answer in zip(hidden, answers, strict=True):
        if not isinstance(answer, SchemaChangedError):
            found = {address for row in answer for address in target.addresses(row)}
        else:  # not even the address
            found = {address.casefold() for address in batch} if target.is_read else set()
        refused |= dict.fromkeys(found, "unreadable")
    return refused


def _batches(addresses: Sequence[str]) -> Iterator[list[str]]:
    """Yield addresses, as many at a time as a query may name."""
    batch: list[str] = []
    size = 0
    for address in dict.fromkeys(addresses):
        octets = len(quote(address, safe="")) + len("%27%27%2C%20")
        if batch and size + octets > _MOST:
            yield batch
            batch, size = [], 0
        batch.append(address)
        size += octets
    if batch:
        yield batch
