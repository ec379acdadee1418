"""What a run needs at hand: settings, the store, open connectors, the clock, and who we are."""

from __future__ import annotations

import logging
import os
import socket
import uuid
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import sqlalchemy as sa

import connectors
from config.settings import Settings
from connectors.errors import SchemaError
from connectors.http.pacing import Pace
from connectors.http.rate_limits import Quota
from connectors.protocol import Connector
from connectors.records import CrmField, Purpose, Schema, SchemaProblem
from worker.store import Store, lost_fields, open_store
from worker.store.bulk import upsert
from worker.store.lost_fields import History
from worker.store.private_files import protect_home
from worker.store.pseudonyms import Keys, open_keys
from worker.store.tables import schemas
from worker.verification.answer_cache import AnswerCache, DatabaseAnswerCache, ForecastAnswerCache
from worker.verification.chain import Chain
from worker.verification.ledger import Ledger
from worker.verification.rate_limit import open_shared_pace
from worker.verification.registry import ChainPlan, plan_chain

log = logging.getLogger(__name__)

_LOOK_AGAIN = timedelta(minutes=1)  # where something is missing, at most so often


def _owner() -> str:
    return f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"


@dataclass
class Context:
    """One process's hands. `owner` marks leases; it names the host and process for `alive()`."""

    settings: Settings
    store: Store
    line: ChainPlan
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    owner: str = field(default_factory=_owner)
    pace: Pace | None = None
    quotas: dict[str, Quota] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._open: dict[str, Connector] = {}
        self._schema_at: dict[str, datetime] = {}
        self._chain: Chain | None = None
        self._forecasts: dict[str, Chain] = {}
        self._keys: Keys | None = None
        self._spare: list[Context] = []
        self.findings: dict[str, list[SchemaProblem]] = {}
        self.fields: dict[str, History] = {}  # which fields could be used, and which are lost

    @classmethod
    def create(cls, settings: Settings) -> Context:
        protect_home(settings.home)
        pace = open_shared_pace(settings)
        store = open_store(settings.database_url)
        return cls(settings, store, plan_chain(settings, pace), pace=pace)

    def beside(self) -> Context:
        """For another thread: connections to the CRMs and leases of its own, all else shared. To be
        given `back` when the thread is done; it then serves the next, which need not log in."""
        try:
            return self._spare.pop()  # of a list: safe between threads
        except IndexError:
            return Context(
                self.settings, self.store, self.line, lambda: self.now(),
                pace=self.pace, quotas=self.quotas,
            )  # fmt: skip

    def back(self, beside: Context) -> None:
        self._spare.append(beside)

    @property
    def keys(self) -> Keys:
        """For hashes of persons and erased numbers, and for links; raises `StoreError`."""
        self._keys = self._keys or open_keys(self.settings, self.store)
        return self._keys

    @property
    def ledger(self) -> Ledger:
        return Ledger(self.store, self.settings.verification, alive, lambda: self.now())

    @property
    def asks_dates(self) -> bool:
        """Whether a step of the chain wants to know since when a number is somebody's."""
        return any(step.depth == "reassigned" for step in self.line.steps)

    def chain(self, dry_run_of: str | None = None) -> Chain:
        """The verification chain; in a dry run with a memory that keeps nothing."""
        if dry_run_of is None:
            self._chain = self._chain or self._chain_with(DatabaseAnswerCache(self.store))
            return self._chain
        if dry_run_of not in self._forecasts:
            self._forecasts = {dry_run_of: self._chain_with(ForecastAnswerCache(self.store))}
        return self._forecasts[dry_run_of]

    def _chain_with(self, memory: AnswerCache) -> Chain:
        settings = self.settings.verification
        return Chain(self.line.steps, memory, self.ledger, settings, lambda: self.now())

    def open(self, name: str) -> Connector:
        """An open connector, whatever its CRM's fields are."""
        if name not in self._open:
            if name not in self.quotas:
                self.quotas[name] = connectors.quota_of(name, self.settings, self.pace)
            self._open[name] = connectors.build(name, self.settings, self.quotas[name])
        return self._open[name]

    def connector(self, name: str, fresh: bool = False) -> Connector:
        """An open connector that knows the CRM's fields.

        What the CRM has is remembered in the database and asked anew when that is old, when
        something was missing, or when `fresh`. Raises `SchemaError` when the CRM has none of the
        fields that statuses are written to.
        """
        opened = self.open(name)
        learned = sa.select(schemas.c.at).where(schemas.c.connector == name)
        with self.store.read() as connection:
            at: datetime | None = connection.scalar(learned)
        now = self.now()
        # What a list holds is known by opening it.
        fresh = fresh or (bool(opened.guessed_from) and name not in self._schema_at)
        if fresh or at is None or now - at > self.settings.sync.schema_ttl or at > now:
            self._learn(name, opened)
        elif self._schema_at.get(name) != at:
            findings = opened.apply_schema(self._remembered(name))
            self._schema_at[name] = at
            self.findings[name] = findings
            self.fields[name] = lost_fields.load_history(self.store, name)
            if any(finding.blocks for finding in findings) and now - at > _LOOK_AGAIN:
                self._learn(name, opened)
        self._check(name, opened)
        return opened

    def _remembered(self, name: str) -> Schema:
        with self.store.read() as connection:
            held = connection.scalar(sa.select(schemas.c.fields).where(schemas.c.connector == name))
        return {
            object_name: {
                key: CrmField(
                    entry["type"],
                    entry["writable"],
                    None if entry["values"] is None else tuple(entry["values"]),
                    entry["length"],
                    entry.get("filterable", True),  # kept by a release that did not ask
                    entry.get("calculated", False),
                )
                for key, entry in fields.items()
            }
            for object_name, fields in (held or {}).items()
        }

    def _learn(self, name: str, opened: Connector) -> None:
        before = self._remembered(name)
        schema = opened.describe()
        findings = opened.apply_schema(schema)
        at = self.now()
        fields = {
            object_name: {key: asdict(entry) for key, entry in entries.items()}
            for object_name, entries in schema.items()
        }
        with self.store.write() as connection:
            upsert(connection, schemas, [{"connector": name, "at": at, "fields": fields}])
            self.fields[name] = lost_fields.record_schema(
                connection, name, opened.roles(), schema, findings, before, at,
                opened.guessed_from,
            )  # fmt: skip
        self.findings[name] = findings
        self._schema_at[name] = at

    def connector_for_run(self, name: str) -> Connector:
        """As `connector`, and where a field is missing the CRM is asked anew: it may be back."""
        started = self.now()
        opened = self.connector(name)
        missing = self.fields[name].lost or any(one.blocks for one in self.findings[name])
        if missing and self._schema_at[name] < started:
            return self.connector(name, fresh=True)
        return opened

    def _check(self, name: str, opened: Connector) -> None:
        """Raises `SchemaError` for settings that never worked. A field or object that did work and
        is lost stops nothing: the rest goes on, and the run says so (`hidden_fields`)."""
        lost = {(one.object, one.field) for one in self.fields[name].lost}
        for finding in self.findings[name]:
            if (finding.object, finding.field) in lost:
                continue
            if finding.cause == "missing" and not finding.field:
                raise SchemaError(
                    f"{name}: {finding.object}: {finding.problem}; see connectors.{name}.objects"
                )
            if finding.cause == "unreadable":
                raise SchemaError(
                    f"{name}: {finding}; name another one in "
                    f"connectors.{name}.objects.{finding.object}.phones"
                )
        for object_name in opened.objects:
            if (object_name, "") in lost:
                continue
            phones = (
                *opened.phone_fields(object_name),
                *(field for of, field in lost if of == object_name),
            )
            if not phones:
                raise SchemaError(
                    f"{name}: {object_name} has none of the configured phone fields; see "
                    f"connectors.{name}.objects.{object_name}.phones in the TOML file"
                )
            ours_lost = self.fields[name].lacks(object_name, ["own"])
            writable = opened.writable(object_name)
            if not any(f"status/{one}" in writable for one in phones) and not ours_lost:
                lacking = [f.field for f in self.findings[name] if f.object == object_name]
                raise SchemaError(
                    f"{name}: {object_name} lacks our fields ({', '.join(lacking[:4])}, ...); "
                    f"create them with: hygiene crm setup {name}"
                )

    def forget_schema(self, name: str) -> None:
        """Ask the CRM anew for its fields at the next use."""
        self._schema_at.pop(name, None)
        with self.store.write() as connection:
            connection.execute(sa.delete(schemas).where(schemas.c.connector == name))

    def calls(self, name: str) -> dict[Purpose, int]:
        """API calls that the open connector has made so far; none when it is not open."""
        opened = self._open.get(name)
        return dict(opened.calls) if opened is not None else {}

    def finish_connector(self, name: str) -> None:
        """Close a connector, which completes what it holds back (a list's new file)."""
        opened = self._open.pop(name, None)
        self._schema_at.pop(name, None)
        if opened is not None:
            opened.close()

    def lease(self, length: timedelta | None = None) -> datetime:
        return self.now() + (length or self.settings.sync.page_lease)

    def close_own(self) -> None:
        """Close what is this thread's own, and what it has lent to others."""
        while self._spare:
            self._spare.pop().close_own()
        for opened in self._open.values():
            opened.close()
        self._open.clear()
        if self._chain is not None:
            self._chain.close()

    def close(self) -> None:
        self.close_own()
        for provider in self.line.providers:
            provider.close()
        self.store.close()


def alive(owner: str | None) -> bool:
    """Whether a lease's owner may still be at work. Of another host nobody can tell: then yes,
    and the lease's end decides."""
    if not owner:
        return False
    host, _, rest = owner.partition(":")
    if host != socket.gethostname():
        return True
    pid = int(rest.partition(":")[0])
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    # A killed child that nobody has waited for yet still has a process id.
    try:
        stat = Path(f"/proc/{pid}/stat").read_text("ascii", "replace")
        return stat.rpartition(")")[2].split()[0] != "Z"
    except (OSError, IndexError):
        return True
