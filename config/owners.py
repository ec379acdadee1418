"""Whose the numbers of a CRM's objects are: a person's, or an organisation's.

A company's switchboard is not a person: nobody asks it to confirm, and a person who is not reached
there does not make it wrong (`worker.feedback.ownership`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from config.connectors import ConnectorSettings, ObjectMap, Owner

if TYPE_CHECKING:
    from config.settings import Settings

# Objects whose numbers are a company's own. Those of all others are taken for a person's: of a
# case or a ticket the requester's, of an object of your own what `owner` does not say otherwise.
_OF_ORGANISATIONS = frozenset({"Account", "companies", "0-2"})
# Salesforce gives the fields of person accounts names that begin so (`PersonMobilePhone`).
_OF_PERSON_ACCOUNTS = "Person"


def owner_of(object_name: str, mapping: ObjectMap) -> Owner:
    """Return whose an object's numbers are: as `owner` says, else by the object.

    An `Account` that names fields of person accounts is read for the people among the accounts, as
    it was before `owner` could be set.

    >>> owner_of("Account", ObjectMap(phones=("Phone",)))
    'organisation'
    >>> owner_of("Account", ObjectMap(phones=("Phone", "PersonMobilePhone")))
    'person'
    >>> owner_of("Case", ObjectMap(phones=("SuppliedPhone",)))
    'person'
    """
    if mapping.owner:
        return mapping.owner
    if object_name not in _OF_ORGANISATIONS:
        return "person"
    named = (*mapping.phones, *mapping.country, mapping.state, mapping.email, mapping.source)
    person = any(name.startswith(_OF_PERSON_ACCOUNTS) for name in named)
    return "person" if person else "organisation"


def organisation_objects(settings: Settings) -> tuple[str, ...]:
    """Return the objects of all connectors whose numbers are organisations', each as contacts'
    keys begin: "salesforce/Account"."""
    return tuple(sorted(_organisation_objects(settings)))


def _organisation_objects(settings: Settings) -> Iterator[str]:
    for connector in type(settings.connectors).model_fields:
        section = settings.section(connector)
        if isinstance(section, ConnectorSettings):
            for name, mapping in section.objects.items():
                if owner_of(name, mapping) == "organisation":
                    yield f"{connector}/{name}"
