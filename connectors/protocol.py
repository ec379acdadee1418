"""What every connector offers to the worker.

A connector speaks in canonical keys (`status/Phone`, `wrong_number`, ... see `connectors.fields`);
only it knows how its CRM names and types them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from connectors.consent_writes import ConsentWriter
from connectors.owner_tasks import OwnerTasks
from connectors.records import (
    NO_OWN_WRITES,
    CallOutcome,
    Caution,
    ConsentOptOut,
    Contact,
    EmailRefusal,
    FoundPerson,
    Merge,
    OutcomeNames,
    OwnWriteFilter,
    Page,
    ProbeResult,
    Purpose,
    Role,
    Schema,
    SchemaProblem,
    SetupResult,
    TypedContact,
    Update,
    Visibility,
    WriteResult,
)
from connectors.schema_scan import ScannedObject


def noop() -> None:
    """What is called while waiting where nobody needs to know."""


class Connector(Protocol):
    """The door to one CRM (or to a list that is treated like one)."""

    name: str  # of the connection: of its kind, or kind and suffix
    account: str  # the CRM's id of our account, where it is needed to tell several apart, or ""
    write_size: int  # updates that one `write` takes, at most
    names_size: int  # records of which one call of `read_names` reads the names; 0: it cannot
    is_file: bool  # whether it is a file on this machine, which is read without calls
    shares_batches: bool  # whether pages do well to fill a batch together: it is one call
    incremental: bool  # whether `read` can be limited to what changed since a moment
    # Whether changes are found by a search that may return a record as it was some time ago.
    finds_late: bool

    @property
    def calls(self) -> Mapping[Purpose, int]:
        """Calls made so far by this object, each attempt counted."""

    def describe(self) -> Schema:
        """Ask the CRM which of the fields named in the settings it has; by object and by the name
        in the settings, the others left out."""

    def apply_schema(self, schema: Schema) -> list[SchemaProblem]:
        """Work with this schema from now on; returns what will be left out, and why. It may come
        from the database, where another process has kept what its `describe` gave."""

    @property
    def objects(self) -> tuple[str, ...]: ...

    def phone_fields(self, object_name: str) -> tuple[str, ...]: ...

    def roles(self) -> Mapping[str, Mapping[str, Role]]:
        """Every field that the settings name, by object, with what it is for us."""

    @property
    def guessed_from(self) -> str:
        """Where phone fields are recognised that no setting names (the path of a list), or ""."""

    def writable(self, object_name: str) -> frozenset[str]:
        """Canonical keys that can be written to an object."""

    def clock(self) -> datetime | None:
        """The CRM's own time, as of its last answer; None before the first."""

    def clock_offset(self) -> timedelta:
        """How far the CRM's clock was ahead of ours at its last answer (behind: less than zero)."""

    def read(
        self,
        object_name: str,
        since: datetime | None = None,
        cursor: str | None = None,
        own_writes: OwnWriteFilter = NO_OWN_WRITES,
        heartbeat: Callable[[], None] = noop,
    ) -> Iterator[Page]:
        """All contacts, or those changed at or after `since`, in a stable order by id.

        `cursor` (of an earlier page) goes on where that page ended, also in another process.
        `own_writes`: which of our own writes, coming back as changes, need not be read again.
        `heartbeat` is called now and then while the CRM takes its time.
        Raises `SchemaChangedError`, as `fetch` and `write` do, where a field is gone that
        `apply_schema` was told of.
        """

    def read_reverse(self, object_name: str, before: str | None = None) -> Iterator[Page] | None:
        """All contacts from the last one (or from `before`, an id) back to the first, at the side
        of `read`; None where that would not be quicker. `cursor` of a page: its first id."""

    def fetch(self, object_name: str, ids: Sequence[str]) -> list[Contact]:
        """These contacts as they are now, without those that are gone or hidden from our user, and
        without those that live on under another id."""

    def read_names(self, object_name: str, ids: Sequence[str]) -> list[TypedContact]:
        """Names and phone fields of these records as a person sees them, in no promised order,
        without those that are gone or hidden from our user. For people who look at a page: its
        calls count as "other" ones, and are not made from the reserve of the day's calls (raises
        `QuotaError`). Comes after `apply_schema`."""

    def deleted(self, object_name: str, ids: Sequence[str]) -> Mapping[str, Merge | None]:
        """Which of these records the CRM itself reports as deleted, merged into another one, or
        turned into something else, with where each lives on. Asked only for ids that `fetch` did
        not return.

        A record that the CRM is silent about is not among them: our user may no longer be allowed
        to see it, and it must then stay in the index.
        """

    def merged_into(self, object_name: str, ids: Sequence[str]) -> Sequence[Merge]:
        """Records that live on in these, where a merge gives them a new id; none where it does
        not."""

    def flags_before_merge(
        self, object_name: str, since: Mapping[str, datetime], flags: Sequence[str]
    ) -> Mapping[str, Mapping[str, Sequence[datetime]]]:
        """Checkboxes that were ticked, after a moment, in records that have since been merged into
        these (id -> moment), by whomever. A merge may have dropped the tick. id -> flag -> when."""

    def account_id(self) -> str:
        """The CRM's id of the account that we are logged in to, asked anew; "" if it tells none."""

    def visibility(self) -> list[Visibility]:
        """How much of each object our user can see."""

    def list_members(self, kind: str, name: str) -> Iterator[tuple[str, str]] | None:
        """(object, id) of the members of a "list" or "campaign", by its name or id, as the CRM has
        them now; None where the CRM has nothing of that kind."""

    def ticked(self, object_name: str, field: str) -> Iterator[str]:
        """The ids of an object's records in which a checkbox is ticked, any that the CRM has.

        Raises `InvalidRequestError`, at the call, where the object has no such checkbox or our user
        does not see it."""

    def call_outcomes(self, since: datetime, only: str = "") -> Iterator[CallOutcome] | None:
        """Calls with an outcome that were logged or changed at or after `since`, in no promised
        order; None where the CRM has no calls. `only`: with this outcome (`CallOutcome.key`)."""

    def outcome_names(self) -> OutcomeNames:
        """The names of outcomes as they are now, where calls hold ids of them; else none."""

    def write(
        self, updates: Sequence[Update], heartbeat: Callable[[], None] = noop
    ) -> list[WriteResult]:
        """Write a batch (of at most `write_size`, one object); one result for each, in order.
        The same updates may come again, from a page that another worker has taken over.

        `heartbeat` is called now and then while the CRM takes its time.
        """

    def consent_opt_outs(self, since: datetime | None) -> Iterator[ConsentOptOut] | None:
        """Opt-outs in the CRM's consent records: all that stand, or those that were changed at or
        after `since`, in no promised order. None where the CRM has no such records, or the settings
        do not want them read."""

    def consent_writer(self) -> ConsentWriter | None:
        """What writes consent records; None where the CRM has no such records."""

    def email_refusals(self, object_name: str, ids: Sequence[str]) -> Mapping[str, EmailRefusal]:
        """Which of these records say that their person is not to be emailed, as they are now; or
        do not let our user read whether they say so ("unreadable"). A record that allows emails or
        is gone is left out, and so is any record of an object that has no field for it."""

    def email_address_refusals(self, addresses: Sequence[str]) -> Mapping[str, EmailRefusal]:
        """Which of these email addresses the CRM itself refuses emails for, by whichever of its
        records has one now, also one that we have never read; as `email_refusals` says. Keys are
        the addresses as they were given; how they are written (capitals) does not matter."""

    def email_right_problems(self) -> list[SchemaProblem]:
        """What else keeps our login from reading who has opted out of email, such as a scope that
        it lacks. Asks the CRM. Raises `ConnectorError`."""

    def unread_email_opt_outs(self, schema: Schema) -> list[SchemaProblem]:
        """Fields of opt-outs from email that `email_refusals` needs and our user cannot read, by a
        schema that `describe` gave; none where the schema, of an earlier release, does not tell.
        Makes no calls."""

    def owner_tasks(self) -> OwnerTasks | None:
        """What makes tasks for the owners of records; None where the CRM has no tasks."""

    def provision(self, adopt: Collection[str] = ()) -> Iterator[SetupResult]:
        """Create the fields of the contract where they are missing; safe to repeat.

        `adopt`: names of fields that somebody else made and that are to be used all the same.
        """

    def remove(self, dry_run: bool) -> Iterator[SetupResult]:
        """Take out what `provision` made, with the values that records have in it; safe to repeat.

        Yields "removed", or "would be removed" in a dry run, which changes nothing; "left" for what
        somebody else made, with the reason; "failed" for what the CRM refuses, and goes on with the
        rest. What is not there any more is not named. A field that was removed is in `own`.
        """

    def unwatched(self) -> Iterator[SchemaProblem]:
        """Phone fields that the CRM has and the settings do not name, and why each matters or not;
        none of them blocks. Comes after `apply_schema`."""

    def scan(self) -> Iterator[ScannedObject]:
        """Look through the CRM's schema: each object with phone fields, how full they are, and each
        object that could not be looked at. Its calls count as "other" ones, and are not made from
        the reserve of the day's calls."""

    def cautions(self) -> Iterator[Caution]:
        """What the CRM does past our fields, for `hygiene doctor`."""

    def probe(self, record_id: str = "") -> Iterator[ProbeResult]:
        """Settle with a real account what the CRM's documents leave open. Read-only, unless a
        record is named that may be written: with values that it holds already."""

    def object_of(self, record_id: str) -> str:
        """The object that a record id belongs to; raises `InvalidRequestError` for an id that is
        none of this CRM's."""

    def locate(self, record_ids: Sequence[str]) -> list[tuple[str, str]]:
        """(object, id) under which each of these records is read, in order. Most ids are their own;
        other systems may know a record by another one. Raises what `object_of` does."""

    def find_people(self, text: str, limit: int) -> list[FoundPerson] | None:
        """At most `limit` people by a name, the beginnings of its words, or an email, as the CRM's
        own search ranks them; None where the CRM has no search. The text goes in the body of the
        request, never in its address."""

    def record_url(self, object_name: str, record_id: str) -> str:
        """Where a person sees this record; "" where there is no such place."""

    def close(self) -> None: ...
