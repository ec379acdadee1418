"""What an org's privacy records say about emailing a person.

A contact, lead or person account may name an `Individual`, and a `ContactPointEmail` holds one
address of an `Individual`. Three things are against an email of ours:

- Checkboxes of the `Individual`: `HasOptedOutSolicit` (*Don't Market*: "Preference to not solicit
  products and services"), since an operator's question may count as marketing;
  `HasOptedOutProcessing` (*Don't Process*: not to process personal data), since an email is sent by
  processing the address; `ShouldForget` (*Forget this Individual*). Not those that are about
  watching people and not about writing to them: `HasOptedOutProfiling`, `HasOptedOutTracking`,
  `HasOptedOutGeoTracking`.
- A `ContactPointTypeConsent` for emails of this person that says OptOut or OptOutPending and is in
  force; of whichever purpose, as with phones (`consent_records`).
- A `ContactPointConsent` for the very address that says so.

An address that bounced (`EmailLatestBounceDateTime`) is bad. What of these our user cannot see
leaves a doubt for those whom it may be about, and for nobody else.

Sources: Object Reference and Field Reference, "Individual", "ContactPointTypeConsent",
"ContactPointEmail" (`ParentId`: an individual or a person account) and "ContactPointConsent"
(`ContactPointId`); see docs/salesforce-facts.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from connectors.errors import SchemaChangedError
from connectors.records import EmailRefusal, SchemaProblem, Visibility
from connectors.salesforce.consent_records import CONSENT, INDIVIDUAL, OPT_OUT_STATUSES, stands
from connectors.salesforce.soql import Query, listed

FLAGS = ("HasOptedOutSolicit", "HasOptedOutProcessing", "ShouldForget")
_POINT, _OF_POINT = "ContactPointEmail", "ContactPointConsent"
_FORCE = ("EffectiveFrom", "EffectiveTo")
# What is read, and filtered by, of each object.
COLUMNS: dict[str, tuple[str, ...]] = {
    INDIVIDUAL: FLAGS,
    CONSENT: ("PartyId", "ContactPointType", "PrivacyConsentStatus", *_FORCE),
    _POINT: ("EmailAddress", "ParentId", "EmailLatestBounceDateTime"),
    _OF_POINT: ("ContactPointId", "PrivacyConsentStatus", *_FORCE),
}
_AT_ONCE = 200  # ids in one query
_PREFIX = "0PK"  # of the ids of individuals

Rows = list[Mapping[str, Any]]
Ask = Callable[[Sequence[str]], list[Rows | SchemaChangedError]]


def points(addresses: Sequence[str]) -> str:
    """Return the query for the contact points that hold these addresses."""
    return _points(addresses).soql()


def _points(addresses: Sequence[str]) -> Query:
    tests = (f"EmailAddress IN {listed(addresses)}",)
    return Query(_POINT, ("Id", *COLUMNS[_POINT]), tests)


class People:
    """Whose privacy records are to be read: addresses, in small letters, by id."""

    def __init__(self) -> None:
        self.individuals: dict[str, set[str]] = {}
        self.points: dict[str, set[str]] = {}

    def add_individual(self, individual: str, addresses: set[str]) -> None:
        self.individuals.setdefault(individual, set()).update(addresses)

    def add_points(self, rows: Rows) -> Iterator[tuple[str, EmailRefusal]]:
        """Take contact points in; yield those that bounced."""
        for row in rows:
            address = str(row["EmailAddress"]).casefold()
            self.points.setdefault(row["Id"], set()).add(address)
            if str(row["ParentId"]).startswith(_PREFIX):  # else an account's
                self.add_individual(row["ParentId"], {address})
            if row["EmailLatestBounceDateTime"]:
                yield address, "bad_address"


def refusals(ask: Ask, people: People, now: datetime) -> Iterator[tuple[str, EmailRefusal]]:
    """Yield addresses with what the privacy records of their people say. Makes one call for 200
    people, none where there are no such records."""
    individuals, of_points = sorted(people.individuals), sorted(people.points)
    for start in range(0, max(len(individuals), len(of_points)), _AT_ONCE):
        some = individuals[start : start + _AT_ONCE]
        some_points = of_points[start : start + _AT_ONCE]
        queries = [(query, some) for query in (_flags(some), _by_person(some)) if some]
        queries += [(_by_point(some_points), some_points)] if some_points else []
        answers = ask([query.soql() for query, _asked in queries])
        for (query, asked), answer in zip(queries, answers, strict=True):
            known = people.points if query.object == _OF_POINT else people.individuals
            for key, refusal in _meaning(query.object, answer, asked, now):
                yield from ((address, refusal) for address in known.get(key, ()))


def _flags(individuals: Sequence[str]) -> Query:
    return Query(INDIVIDUAL, ("Id", *FLAGS), (f"Id IN {listed(individuals)}",))


def _by_person(individuals: Sequence[str]) -> Query:
    statuses = f"PrivacyConsentStatus IN {listed(OPT_OUT_STATUSES)}"
    tests = ("ContactPointType = 'Email'", statuses, f"PartyId IN {listed(individuals)}")
    return Query(CONSENT, ("Id", "PartyId", *_FORCE), tests)


def _by_point(ids: Sequence[str]) -> Query:
    statuses = f"PrivacyConsentStatus IN {listed(OPT_OUT_STATUSES)}"
    tests = (statuses, f"ContactPointId IN {listed(ids)}")
    return Query(_OF_POINT, ("Id", "ContactPointId", *_FORCE), tests)


def _meaning(
    object_name: str, answer: Rows | SchemaChangedError, asked: Sequence[str], now: datetime
) -> Iterator[tuple[str, EmailRefusal]]:
    if isinstance(answer, SchemaChangedError):
        yield from ((key, "unreadable") for key in asked)
        return
    for row in answer:
        if object_name == INDIVIDUAL:
            if any(row[flag] is not False for flag in FLAGS):
                yield row["Id"], "opted_out"
        elif stands(row, now):
            yield row["ContactPointId" if object_name == _OF_POINT else "PartyId"], "opted_out"


def problems(ask: Ask) -> list[SchemaProblem]:
    """Return which privacy records our user cannot read. Makes one call."""
    nobody = ("0PK000000000000AAA",)
    queries = (_flags(nobody), _by_person(nobody), _points(("",)), _by_point(nobody))
    answers = ask([query.soql() for query in queries])
    return [
        SchemaProblem(
            query.object, "",
            f"our user cannot read these privacy records, so {_left_out(query.object)} asked by "
            f"email: grant Read and View All of {query.object}, and read access to "
            f"{', '.join(COLUMNS[query.object])} (docs/salesforce.md, Privacy records)",
            blocks=False,
        )
        for query, answer in zip(queries, answers, strict=True)
        if isinstance(answer, SchemaChangedError)
    ]  # fmt: skip


def _left_out(object_name: str) -> str:
    """Say whom a doubt about an object leaves out: any address may have a contact point."""
    return "nobody is" if object_name == _POINT else "people who have some are not"


def partly_seen(views: Sequence[Visibility]) -> list[SchemaProblem]:
    """Return of which privacy records our user sees some only."""
    return [
        SchemaProblem(
            view.object, "",
            "our user does not see all of these privacy records, so an opt-out among the others is "
            f"not heeded: grant View All of {view.object} (docs/salesforce.md, Privacy records)",
            blocks=False,
        )
        for view in views
        if view.limited
    ]  # fmt: skip
