"""The base class of a connector: derive from it to add a CRM (docs/adding-a-connector.md)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Mapping, MutableMapping, Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar, Self

from config.connectors import ConnectorSettings
from config.settings import Settings
from connectors.consent_writes import ConsentWriter
from connectors.conversions import amount, day, month
from connectors.errors import InvalidRequestError
from connectors.fields import ObjectFields, configured, fit, rewritable, spec_of
from connectors.http.rate_limits import Quota
from connectors.owner_tasks import OwnerTasks
from connectors.phone_values import number_texts, typed_texts
from connectors.protocol import noop
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
    Value,
    Visibility,
    WriteResult,
)
from connectors.schema_scan import ScannedObject


class BaseConnector(ABC):
    """A connector that knows its fields and leaves the calls to its CRM to a derived class.

    **Set** in a derived class:

    - `name`: as in the TOML file and the entry point. An object of a further connection of this
      kind gets that connection's name, and its errors are renamed to it (`connectors.named`).
    - `settings_type`: the model of `[connectors.NAME]`, derived from `ConnectorSettings`.
    - `write_size`: how many updates one `write` takes. 100 if you set nothing.
    - `incremental`: True if `read` can be limited to what changed since a moment. Without it each
      run reads everything.
    - `finds_late`: True if changes are found by a search that may lag behind the records. The
      settings then need a `search_lag` (a `Duration`).
    - `names_size`: how many records one call of `read_names` reads. 0 if it is not overridden.
    - `is_file`: True for a file on this machine.
    - `shares_batches`: True if one call writes `write_size` records of several pages at once.

    **Override** always; what each takes, gives and raises stands in `connectors.protocol`:

    - `from_settings`: open the connector.
    - `describe`: which of the fields named in the settings the CRM has.
    - `clock`: the CRM's own time.
    - `read`: all contacts in a stable order by id, page by page.
    - `fetch`: contacts by their ids.
    - `deleted`: which of these ids the CRM itself reports as gone.
    - `write`: one result for each update, in their order.

    **Override** where the CRM has such a thing; the base class says that it has none:

    - `provision`: create our fields.            - `visibility`: how much our user sees.
    - `remove`: take them out again; without it, `crm remove` finds nothing to remove.
    - `read_reverse`: read from the other end.   - `clock_offset`: how far its clock is ahead.
    - `merged_into`, `flags_before_merge`: merges that give a record a new id.
    - `ticked`: records by a checkbox.
    - `list_members`: lists and campaigns.       - `call_outcomes`, `outcome_names`: logged calls.
    - `owner_tasks`: tasks for owners.           - `consent_opt_outs`: consent records.
    - `consent_writer`: consent records that we write.
    - `email_refusals`, `email_address_refusals`, `unread_email_opt_outs`, `email_right_problems`:
      who has opted out of email, by record and by address, and what keeps us from reading it.
    - `unwatched`, `cautions`: what `crm check` and `doctor` should warn of.
    - `scan`: phone fields of its whole schema, for `crm scan`.
    - `probe`: settle with an account what the documents leave open.
    - `object_of`, `locate`: ids that tell their object, or that other systems know differently.
    - `find_people`: its search by name and email.
    - `record_url`: where a person sees a record.
    - `account_id`: the id of our account, which tells it from another one.
    - `read_names`: the names of records, for people who look at a page of ours.
    - `close`: give connections back.

    **Use**: `wanted(object)` for the names in the settings, in `describe` and `provision`;
    `fields(object)` for those that the CRM has, after `apply_schema`; `contact` to make a contact
    of a record, `crm_values` to turn an update into the CRM's names, `count` for each call.

    **Know**: `describe` is called by one process now and then, and `apply_schema` by every one,
    with the schema as the database keeps it. What a connector has to know of a field in order to
    read and write it (keys, ids of options) goes into `CrmField.details`; override
    `apply_schema` to take it from there.
    """

    name: str
    account: str = ""
    settings_type: ClassVar[type[ConnectorSettings]] = ConnectorSettings
    write_size: int = 100
    names_size: int = 0
    is_file: bool = False
    shares_batches: bool = False
    incremental: bool = False
    finds_late: bool = False

    def __init__(
        self, settings: ConnectorSettings, counts: MutableMapping[Purpose, int] | None = None
    ) -> None:
        """`counts`: those of the `connectors.http.client.Calls` that make the calls to the CRM."""
        self._configured = {
            name: configured(name, mapping, settings.fields)
            for name, mapping in settings.objects.items()
        }
        self._fields: dict[str, ObjectFields] = {}
        self._writable: dict[str, frozenset[str]] = {}
        self._counts: MutableMapping[Purpose, int] = {"read": 0, "write": 0, "other": 0}
        if counts is not None:
            self._counts = counts

    # -- to override always --------------------------------------------------------------

    @classmethod
    @abstractmethod
    def from_settings(cls, settings: Settings, quota: Quota) -> Self:
        """Open the connector. Its own settings are `settings.section(cls.name)`, also for a further
        connection of this kind, whose settings then stand there; `quota` is what
        all connectors of this CRM in this process share: give it to `connectors.http.client.Calls`.
        Raises `SettingsError` for settings that cannot be meant so."""

    @abstractmethod
    def describe(self) -> Schema:
        """See `connectors.protocol`, and `connectors.records.CrmField` for what to say of each."""

    @abstractmethod
    def clock(self) -> datetime | None: ...

    @abstractmethod
    def read(
        self,
        object_name: str,
        since: datetime | None = None,
        cursor: str | None = None,
        own_writes: OwnWriteFilter = NO_OWN_WRITES,
        heartbeat: Callable[[], None] = noop,
    ) -> Iterator[Page]: ...

    @abstractmethod
    def fetch(self, object_name: str, ids: Sequence[str]) -> list[Contact]: ...

    @abstractmethod
    def deleted(self, object_name: str, ids: Sequence[str]) -> Mapping[str, Merge | None]: ...

    @abstractmethod
    def write(
        self, updates: Sequence[Update], heartbeat: Callable[[], None] = noop
    ) -> list[WriteResult]: ...

    # -- to use --------------------------------------------------------------------------

    def count(self, purpose: Purpose) -> None:
        """Count one attempt of a call; not needed where `Calls` makes it and its counts were given
        to the base class."""
        self._counts[purpose] += 1

    def named_fields(self, object_name: str) -> frozenset[str]:
        """The CRM's names of all fields that the settings name: what `describe` asks after."""
        return frozenset(self._configured[object_name].roles)

    def wanted(self, object_name: str) -> ObjectFields:
        """What the settings name, whether the CRM has it or not: for `describe` and `provision`."""
        return self._configured[object_name]

    def fields(self, object_name: str) -> ObjectFields:
        """What of the settings the CRM has. Comes after `apply_schema`."""
        return self._fields[object_name]

    def contact(
        self, object_name: str, record_id: str, values: Mapping[str, Any], modified: str = ""
    ) -> Contact:
        """Make a contact of a record, whose `values` go by the CRM's names. For many thousands of
        records `connectors.rows.make_decoder` takes a tenth of the time."""
        fields = self._fields[object_name]

        def text(name: str) -> str:
            value = values.get(name)
            return "" if value is None else str(value)

        return Contact(
            object=object_name,
            id=record_id,
            phones=self.phone_texts(object_name, values),
            country=next(filter(None, map(text, fields.country)), ""),
            state=text(fields.state),
            email=text(fields.email),
            website=text(fields.website),
            source=text(fields.source),
            campaign=text(fields.campaign),
            contact_value=amount(values.get(fields.contact_value)),
            consent_date=day(values.get(fields.consent_date)),
            month=month(values.get(fields.created)),
            modified=modified,
            current={key: _ours(key, values.get(name)) for key, name in fields.names.items()},
        )

    def phone_texts(self, object_name: str, values: Mapping[str, Any]) -> dict[str, str]:
        """The phone fields of a record as people typed them, "" where one is empty."""
        fields = self._fields[object_name]
        return {
            name: (number_texts if name in fields.numbers else typed_texts)([values.get(name)])[0]
            for name in fields.phones
        }

    def typed_contact(
        self, object_name: str, record_id: str, name: str, values: Mapping[str, Any],
        last_name: str = "",
    ) -> TypedContact:  # fmt: skip
        """What `read_names` gives of a record, whose `values` go by the CRM's names."""
        phones = self.phone_texts(object_name, values)
        filled = {field: text for field, text in phones.items() if text}
        fields = self._fields[object_name]
        email, website = (
            str(values.get(column) or "") if column else ""
            for column in (fields.email, fields.website)
        )
        whole, last = " ".join(name.split()), " ".join(last_name.split())
        return TypedContact(record_id, whole, filled, last, email, website)

    def name_columns(self, object_name: str) -> tuple[str, ...]:
        """Return the fields besides the name that `read_names` asks for, as far as the schema has
        them: phones, and what tells people and companies apart."""
        fields = self._fields[object_name]
        return (*fields.phones, *filter(None, (fields.email, fields.website)))

    def crm_values(self, update: Update) -> dict[str, Value]:
        """An update's values by the CRM's names; None empties a field."""
        names = self._fields[update.object].names
        return {
            names[key] if key in names else key.removeprefix("phone/"): value
            for key, value in update.values.items()
        }

    # -- what follows from the settings and the schema -----------------------------------

    @property
    def calls(self) -> Mapping[Purpose, int]:
        return self._counts

    def apply_schema(self, schema: Schema) -> list[SchemaProblem]:
        problems: list[SchemaProblem] = []
        for name, configured_fields in self._configured.items():
            crm_fields = schema.get(name, {})
            self._fields[name], of_object = fit(configured_fields, crm_fields)
            problems += of_object
            phones = {f"phone/{p}" for p in self._fields[name].phones if rewritable(crm_fields[p])}
            self._writable[name] = frozenset(self._fields[name].names) | phones
        return problems

    @property
    def objects(self) -> tuple[str, ...]:
        return tuple(self._configured)

    def phone_fields(self, object_name: str) -> tuple[str, ...]:
        return self._fields[object_name].phones

    def roles(self) -> Mapping[str, Mapping[str, Role]]:
        return {name: fields.roles for name, fields in self._configured.items()}

    def writable(self, object_name: str) -> frozenset[str]:
        return self._writable[object_name]

    # -- what a CRM may have -------------------------------------------------------------

    @property
    def guessed_from(self) -> str:
        return ""

    def clock_offset(self) -> timedelta:
        return timedelta(0)

    def read_reverse(self, object_name: str, before: str | None = None) -> Iterator[Page] | None:
        return None

    def merged_into(self, object_name: str, ids: Sequence[str]) -> Sequence[Merge]:
        return []

    def flags_before_merge(
        self, object_name: str, since: Mapping[str, datetime], flags: Sequence[str]
    ) -> Mapping[str, Mapping[str, Sequence[datetime]]]:
        return {}

    def account_id(self) -> str:
        return ""

    def visibility(self) -> list[Visibility]:
        return [Visibility(name, None) for name in self.objects]

    def list_members(self, kind: str, name: str) -> Iterator[tuple[str, str]] | None:
        return None

    def ticked(self, object_name: str, field: str) -> Iterator[str]:
        raise InvalidRequestError(f"{self.name} has no checkboxes that could be read")

    def call_outcomes(self, since: datetime, only: str = "") -> Iterator[CallOutcome] | None:
        return None

    def consent_opt_outs(self, since: datetime | None) -> Iterator[ConsentOptOut] | None:
        return None

    def email_refusals(self, object_name: str, ids: Sequence[str]) -> Mapping[str, EmailRefusal]:
        return {}

    def email_address_refusals(self, addresses: Sequence[str]) -> Mapping[str, EmailRefusal]:
        return {}

    def email_right_problems(self) -> list[SchemaProblem]:
        return []

    def unread_email_opt_outs(self, schema: Schema) -> list[SchemaProblem]:
        return []

    def owner_tasks(self) -> OwnerTasks | None:
        return None

    def consent_writer(self) -> ConsentWriter | None:
        return None

    def outcome_names(self) -> OutcomeNames:
        return OutcomeNames({})

    def provision(self, adopt: Collection[str] = ()) -> Iterator[SetupResult]:
        for fields in self._configured.values():
            for name in fields.names.values():
                yield SetupResult(name, "not checked", "create this field yourself")

    def remove(self, dry_run: bool) -> Iterator[SetupResult]:
        """Nothing to remove: override it where `provision` is overridden."""
        return iter(())

    def unwatched(self) -> Iterator[SchemaProblem]:
        return iter(())

    def scan(self) -> Iterator[ScannedObject]:
        return iter(())

    def cautions(self) -> Iterator[Caution]:
        return iter(())

    def probe(self, record_id: str = "") -> Iterator[ProbeResult]:
        return iter(())

    def object_of(self, record_id: str) -> str:
        if len(self.objects) == 1:
            return self.objects[0]
        raise InvalidRequestError(f"{self.name}: an id does not tell its object; name the object")

    def locate(self, record_ids: Sequence[str]) -> list[tuple[str, str]]:
        return [(self.object_of(record_id), record_id) for record_id in record_ids]

    def read_names(self, object_name: str, ids: Sequence[str]) -> list[TypedContact]:
        return []

    def find_people(self, text: str, limit: int) -> list[FoundPerson] | None:
        return None

    def record_url(self, object_name: str, record_id: str) -> str:
        return ""

    def close(self) -> None:  # noqa: B027 - most connectors hold no connection
        """Give connections back."""


def _ours(canonical: str, value: Any) -> Value:
    if spec_of(canonical).kind == "bool":
        return value is True or str(value).casefold() == "true"
    return None if value is None or value == "" else str(value)
