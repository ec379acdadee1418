"""The records that pass between a connector and the worker.

Their keys are canonical (`status/Phone`, `wrong_number`, ... see `connectors.fields`).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal, get_args

from msgspec import Struct
from msgspec.structs import replace

Value = str | bool | None
Purpose = Literal["read", "write", "other"]
_NO_VALUES: Mapping[str, Value] = {}
_ANY_TIME = datetime.min.replace(tzinfo=UTC)

# Why a record was not written, in one vocabulary for all CRMs.
FailureKind = Literal[
    "locked",  # somebody else holds the record just now: worth another try
    "validation",  # a rule of the CRM refuses the write
    "required_property",  # the CRM wants a value that the record lacks before it takes a write
    "duplicate",  # a duplicate rule of the CRM refuses the write
    "approval",  # an approval process of the CRM has locked the record
    "security_policy",  # a security policy of the CRM stops our user
    "picklist_value",  # the picklist lacks our value
    "unwritable_field",  # the field is read-only or hidden for our user
    "too_long",  # the field is shorter than our value
    "gone",  # deleted, or never there
    "merged",  # the record lives on under another id
    "access",  # our user may not edit this record
    "suppression_refused",  # not even the flags that keep somebody from being contacted were taken
    "not_visible",  # neither there for our user, nor reported as deleted
    "other",
]


# Names in stored pages: a worker of the version before reads them too.
_STORED_NAMES = {"contact_value": "value", "consent_date": "consented", "current": "held"}


class Contact(Struct, frozen=True, rename=_STORED_NAMES):
    """A person's record as read. `current`: what the CRM holds of our own fields, by canonical key.

    What is made of each contact and number is a struct: that is made in a seventh of the time that
    a frozen dataclass takes, which was a tenth of a first sync.
    """

    object: str
    id: str
    phones: Mapping[str, str]  # phone field -> text as typed, "" when empty
    country: str = ""
    state: str = ""
    email: str = ""
    website: str = ""
    source: str = ""
    campaign: str = ""
    contact_value: float | None = None  # what the contact is worth
    consent_date: str = ""  # YYYY-MM-DD: when the numbers were surely this person's
    modified: str = ""  # when it was changed last: see `modified_at`
    current: Mapping[str, Value] = _NO_VALUES
    month: str = ""  # YYYY-MM: when the record was made

    @property
    def modified_at(self) -> datetime | None:
        """By the CRM's clock; None where it does not say, or not in a form that is known."""
        try:
            return datetime.fromisoformat(self.modified)
        except (TypeError, ValueError):
            return None

    def values(self) -> dict[str, Value]:
        """All that a write may concern, by canonical key: our fields and the phones as typed."""
        return {**self.current, **{f"phone/{name}": text for name, text in self.phones.items()}}


@dataclass(frozen=True, slots=True)
class TypedContact:
    """What a person recognises a record by: its name, and its phone fields as people typed them
    (those that hold something). `last_name`, `email`, `website`: where the CRM has fields for them;
    they tell people and companies apart. Never stored."""

    id: str
    name: str
    phones: Mapping[str, str]
    last_name: str = ""
    email: str = ""
    website: str = ""


@dataclass(frozen=True, slots=True)
class Merge:
    """A record that lives on in another one: merged into it or, a lead, converted to it."""

    id: str
    into_object: str
    into_id: str


@dataclass(frozen=True, slots=True)
class Page:
    """Some contacts of one object. `cursor` goes on after them; None after the last page.

    `remaining`: about how many come after this page; None where that is not known.
    `deleted_ids`: ids that went away (deleted, merged into another record, turned into something
    else), as far as the CRM tells; a full read notices the rest.
    `merged`: those of them of which the CRM also tells in which record they live on.
    """

    contacts: Sequence[Contact]
    cursor: str | None
    remaining: int | None = None
    deleted_ids: tuple[str, ...] = ()
    merged: tuple[Merge, ...] = ()


@dataclass(frozen=True, slots=True)
class OwnWriteFilter:
    """Which records a read of changes may leave out: those that one of these `runs` wrote last,
    unless they changed at or after `until`.

    `since`: when the first of these runs began. None of their writes was earlier; a connector may
    read records that changed before that all the same.
    """

    runs: tuple[str, ...] = ()
    until: datetime = _ANY_TIME
    since: datetime = _ANY_TIME


NO_OWN_WRITES = OwnWriteFilter()
_ALONG = {"run", "checked_at", "calling_hours"}  # keys that are written only along with others


class Update(Struct, frozen=True):
    """New values for one record; keys are canonical."""

    object: str
    id: str
    values: Mapping[str, Value]

    def without(self, fields: Collection[str]) -> Update | None:
        """The rest of it; None where that is no change. A run's mark and time belong to a change:
        alone they would be a pointless write. So do calling hours."""
        rest = {key: value for key, value in self.values.items() if key not in fields}
        return replace(self, values=rest) if rest.keys() - _ALONG else None


class WriteResult(Struct, frozen=True):
    """What became of one update. `fields`: canonical keys that the CRM refused, if it said;
    `rest`: all others were written."""

    id: str
    ok: bool
    kind: FailureKind | None = None
    message: str = ""
    fields: tuple[str, ...] = ()
    rest: bool = False


@dataclass(frozen=True, slots=True)
class CrmField:
    """A field as the CRM describes it; `values` are the allowed ones of a restricted picklist.

    `type`: one of `connectors.fields.TYPES` for a field of ours, one of `connectors.phone_values`
    for a phone field. A CRM without checkboxes or dates with a time keeps them in another type:
    its connector converts both ways, and names here the type that it stands for.
    `details`: whatever else the connector needs to know of the field later, such as the API's key
    of it, in JSON's types. The schema is kept in the database, and `apply_schema` gets it back from
    there in processes that never call `describe`.
    """

    type: str
    writable: bool = True
    values: tuple[str, ...] | None = None
    length: int = 0
    filterable: bool = True  # whether a query may ask for records by its value
    calculated: bool = False  # a formula of the CRM over other fields
    details: Mapping[str, Any] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class CallOutcome:
    """A call that somebody logged: how it went, with whom, and the number if the CRM knows it."""

    id: str
    outcome: str  # as people call it there
    object: str  # "" = logged with no contact
    record_id: str
    number: str
    at: datetime
    modified: datetime
    outcome_id: str = ""  # of the outcome, where the CRM has ids for them
    is_named: bool = True  # false: `outcome` is such an id, whose name the CRM did not tell

    @property
    def key(self) -> str:
        """What the CRM itself keeps with a call: the outcome's id, or its name."""
        return self.outcome_id or self.outcome


@dataclass(frozen=True, slots=True)
class ConsentOptOut:
    """An opt-out that a CRM's consent records hold of a record. `id`: of the consent; `channels`:
    as of a report ("call text"); `changed_at`: when the consent record was changed last."""

    id: str
    object: str
    record_id: str
    channels: str
    changed_at: datetime
    evidence: str


# Why nobody is to be emailed because of a record: its person opted out of email; the CRM says that
# the address is bad; or our user cannot read whether they opted out.
EmailRefusal = Literal["opted_out", "bad_address", "unreadable"]
_WORST_FIRST: tuple[EmailRefusal, ...] = get_args(EmailRefusal)


def worst_refusal(*refusals: EmailRefusal) -> EmailRefusal:
    """Return what counts where several records speak of one person: an opt-out before the rest.

    >>> worst_refusal("unreadable", "opted_out")
    'opted_out'
    """
    return min(refusals, key=_WORST_FIRST.index)


@dataclass(frozen=True, slots=True)
class OutcomeNames:
    """What people call the outcomes of calls, by id. `problem`: why some may be missing."""

    names: Mapping[str, str]
    problem: str = ""


@dataclass(frozen=True, slots=True)
class FoundPerson:
    """A record that a search for a name or an email brought, with what tells it from others. Only
    shown to whoever searched: neither stored nor logged."""

    object: str
    id: str
    name: str
    email: str


@dataclass(frozen=True, slots=True)
class Visibility:
    """How much of an object our user sees. None where the CRM does not tell: the number of records
    in the account (`total`, which may be approximate), and whether a permission shows our user all
    of them (`view_all`). `advice`: what to do where it sees fewer."""

    object: str
    visible: int | None
    total: int | None = None
    view_all: bool | None = None
    advice: str = ""

    @property
    def limited(self) -> bool:
        """Whether our user sees fewer records than there are, as far as the CRM tells."""
        if self.view_all:
            return False
        if self.visible is None or self.total is None:
            return self.view_all is False
        # The total may be out of date: where nothing else tells, a few more say nothing.
        return self.visible < (self.total if self.view_all is False else self.total * 0.98)

    def __str__(self) -> str:
        seen = "an unknown number" if self.visible is None else f"{self.visible:,}"
        of = "" if self.total is None else f" of about {self.total:,}"
        text = f"{self.object}: our user sees {seen}{of} records"
        if self.view_all is None:
            return f"{text}; {self.advice}" if self.advice else text
        if self.view_all:
            return f"{text}; it has View All"
        return f"{text}; it lacks View All" + (f": {self.advice}" if self.limited else "")


# What a field is for us: a phone field, one that we write, what tells a number's country, the
# address that tells who somebody is, anything else that is read; or the object as a whole.
Role = Literal["phone", "own", "country", "context", "email", "beside", "object"]
Schema = Mapping[str, Mapping[str, CrmField]]  # object -> field name -> field


@dataclass(frozen=True, slots=True)
class SchemaProblem:
    """One thing that is not as it should be with a field. `blocks`: the field cannot be used.
    `cause`: of a phone field, or of one that we write, why it cannot be."""

    object: str
    field: str
    problem: str
    blocks: bool = True
    cause: Literal["", "missing", "unreadable", "unwritable"] = ""

    def __str__(self) -> str:
        return f"{self.object}.{self.field}: {self.problem}"


@dataclass(frozen=True, slots=True)
class OwnField:
    """A field of ours in a CRM. `field`: the CRM's name; `key`: ours (`connectors.fields`)."""

    object: str
    field: str
    key: str


Done = Literal[
    "created", "changed", "already there", "failed", "offered", "not checked",
    "removed", "would be removed", "left",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class SetupResult:
    """What `crm setup` did, found done already, or offers; what `crm remove` did, would do, or left
    because it is not ours.

    `definition`: of what setup offers, as the CRM's API takes it. `own`: the field, where one was
    created or removed: whatever its flags held before says nothing about what they hold now.
    """

    what: str
    done: Done
    note: str = ""
    definition: Mapping[str, Any] = field(default_factory=dict)
    own: OwnField | None = None


@dataclass(frozen=True, slots=True)
class Caution:
    """Something that a CRM does by itself, past our fields, and that people have to take care of.
    `prepared`: all is there that we can make for it."""

    text: str
    prepared: bool


Verdict = Literal["confirmed", "refuted", "not reachable"]


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """What a real account says of one thing that a connector relies on. Holds no personal data."""

    fact: str
    statement: str
    verdict: Verdict
    seen: str = ""
