"""Who has opted out of email, asked of the org by address.

Our index knows the records of the last sync. A record that was created since then, or was given an
address since then, may hold an opt-out of that address as well. So contacts and leads, and person
accounts where those are read, are searched for the addresses themselves, also where the settings
leave one of these objects out. SOQL reads the records, and no index that lags behind them, and
compares text without regard to case.

A converted lead counts too: it cannot be told whether its opt-out has reached the contact.

Sources: SOQL and SOSL Reference, "Comparison Operators" (text is compared without regard to case);
REST API Developer Guide, "Status Codes and Error Responses" (the length of a URI); see
docs/salesforce-facts.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from connectors.errors import SchemaChangedError
from connectors.fields import ObjectFields
from connectors.records import EmailRefusal, worst_refusal
from connectors.salesforce import relations
from connectors.salesforce.email_opt_outs import OWN, refusal_of
from connectors.salesforce.soql import Query, listed

# Octets of addresses in a query, as its URL has them: with two fields to look into, a query stays
# under the 16,384 that Salesforce allows in a URI.
_MOST = 6_000
_STANDARD = {"Contact": "Email", "Lead": "Email", "Account": "PersonEmail"}

Rows = list[Mapping[str, Any]]
Ask = Callable[[Sequence[str]], list[Rows | SchemaChangedError]]


@dataclass(frozen=True, slots=True)
class Target:
    """An object that is searched. `fields`: that hold an address; `is_read`: by our syncs, so that
    an org that does not show it to us leaves a doubt."""

    object: str
    fields: tuple[str, ...]
    is_read: bool

    def soql(self, addresses: Sequence[str], columns: Sequence[str]) -> str:
        tests = " OR ".join(f"{field} IN {listed(addresses)}" for field in self.fields)
        return Query(self.object, ("Id", *self.fields, *columns), (f"({tests})",)).soql()

    def addresses(self, row: Mapping[str, Any]) -> set[str]:
        return {str(row[field]).casefold() for field in self.fields if row[field]}


def targets(fields: Mapping[str, ObjectFields], has_people_as_accounts: bool) -> list[Target]:
    """Return what is searched. `fields`: of the objects that are read."""
    names = ("Contact", "Lead", *(("Account",) if has_people_as_accounts else ()))
    found = []
    for name in names:
        mapped = fields[name].email if name in fields else ""
        own = () if not mapped or relations.is_path(mapped) else (mapped,)
        columns = tuple(dict.fromkeys((_STANDARD[name], *own)))
        found.append(Target(name, columns, name in fields))
    return found


def refusals(
    ask: Ask, searched: Sequence[Target], addresses: Sequence[str]
) -> dict[str, EmailRefusal]:
    """Return which of these addresses some record refuses emails for. `ask`: the rows of each
    query, or why it is refused."""
    refused: dict[str, EmailRefusal] = {}
    for batch in _batches(addresses):
        wanted = {address.casefold(): address for address in batch}
        soqls = [target.soql(batch, (OWN[target.object],)) for target in searched]
        hidden: list[Target] = []
        for target, answer in zip(searched, ask(soqls), strict=True):
            if isinstance(answer, SchemaChangedError):
                hidden.append(target)
                continue
            for row in answer:
                if (refusal := refusal_of(row, OWN[target.object])) is not None:
                    _note(refused, wanted, target.addresses(row), refusal)
        for address, refusal in _of_hidden(ask, hidden, batch).items():
            _note(refused, wanted, {address}, refusal)
    return refused


def _of_hidden(ask: Ask, hidden: Sequence[Target], batch: Sequence[str]) -> dict[str, EmailRefusal]:
    """Return the addresses, in small letters, of records whose opt-out our user cannot read."""
    refused: dict[str, EmailRefusal] = {}
    answers = ask([target.soql(batch, ()) for target in hidden]) if hidden else []
    for target, answer in zip(hidden, answers, strict=True):
        if not isinstance(answer, SchemaChangedError):
            found = {address for row in answer for address in target.addresses(row)}
        else:  # not even the address
            found = {address.casefold() for address in batch} if target.is_read else set()
        refused |= dict.fromkeys(found, "unreadable")
    return refused


def _note(
    refused: dict[str, EmailRefusal], wanted: Mapping[str, str], of: set[str], refusal: EmailRefusal
) -> None:
    for folded in of & wanted.keys():
        address = wanted[folded]
        refused[address] = worst_refusal(refusal, refused.get(address, refusal))


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
