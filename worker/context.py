"""The context of all work: settings, store, open connectors, clock, and our name on leases."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property

import sqlalchemy as sa
from sqlalchemy.engine import Connection

import connectors
from config import connections
from config.owners import organisation_objects
from config.settings import Settings
from connectors.errors import AuthError, ConnectorError, SchemaError
from connectors.http.pacing import Pace
from connectors.http.rate_limits import Quota
from connectors.protocol import Connector
from connectors.records import CrmField, Purpose, Schema, SchemaProblem
from worker.leases import is_alive, new_owner
from worker.phones import parse_field
from worker.phones.contact_fields import FieldParser
from worker.store import Store, crm_accounts, lost_fields, open_store
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

_RECHECK_AFTER = timedelta(minutes=1)  # where a field is missing, ask the CRM at most this often


@dataclass
class Context:
    """What one thread works with. `owner` is its name on leases (`worker.leases`).

    `parse_field` reads a phone field: the text and its country's code.
    """

    settings: Settings
    store: Store
    providers: ChainPlan
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    owner: str = field(default_factory=new_owner)
    pace: Pace | None = None
    quotas: dict[str, Quota] = field(default_factory=dict)
    parse_field: FieldParser = parse_field

    def __post_init__(self) -> None:
        self._open: dict[str, Connector] = {}
        self._schema_at: dict[str, datetime] = {}
        self._accounts: dict[str, str] = {}  # that our logins go to; "" where the CRM does not tell
        self._chain: Chain | None = None
        self._forecasts: dict[str, Chain] = {}
        self._keys: Keys | None = None
        self._pool: list[Context] = []
        self.findings: dict[str, list[SchemaProblem]] = {}
        self.fields: dict[str, History] = {}  # which fields could be used, and which are lost

    @classmethod
    def create(cls, settings: Settings) -> Context:
        protect_home(settings.home)
        pace = open_shared_pace(settings)
        store = open_store(settings.database_url)
        return cls(settings, store, plan_chain(settings, pace), pace=pace)

    def borrow(self) -> Context:
        """Return a context for another thread: with connections to the CRMs and leases of its own,
        all else shared. The thread gives it back when it is done (`give_back`); it then serves the
        next thread, which need not log in."""
        try:
            return self._pool.pop()  # of a list: safe between threads
        except IndexError:
            borrowed = Context(
                self.settings, self.store, self.providers, lambda: self.now(),
                pace=self.pace, quotas=self.quotas,
                parse_field=lambda text, region: self.parse_field(text, region),
            )  # fmt: skip
            borrowed._keys, borrowed._accounts = self._keys, self._accounts
            return borrowed

    def give_back(self, borrowed: Context) -> None:
        """Keep a borrowed context for the next thread."""
        self._pool.append(borrowed)

    def for_each(
        self, connectors: Sequence[str], work: Callable[[Context, str], int], at_once: int = 0
    ) -> list[int]:
        """Do `work` for several CRMs at once, each with a context of its own, so that one which
        does not answer holds up no other; return what each came to. An error of one is raised when
        all are done. `at_once`: no more than so many at a time."""
        if len(connectors) < 2:
            return [work(self, name) for name in connectors]

        def one(name: str) -> int:
            borrowed = self.borrow()
            try:
                return work(borrowed, name)
            finally:
                self.give_back(borrowed)

        with ThreadPoolExecutor(at_once or len(connectors)) as pool:
            running = [pool.submit(copy_context().run, one, name) for name in connectors]
        return [future.result() for future in running]

    @property
    def keys(self) -> Keys:
        """Return the keys for hashes of persons and erased numbers, and for links. Raises
        `StoreError`."""
        self._keys = self._keys or open_keys(self.settings, self.store)
        return self._keys

    @cached_property
    def organisations(self) -> tuple[str, ...]:
        """Return the objects whose numbers are organisations' ("salesforce/Account")."""
        return organisation_objects(self.settings)

    @property
    def ledger(self) -> Ledger:
        return Ledger(self.store, self.settings.verification, is_alive, lambda: self.now())

    @property
    def needs_consent_dates(self) -> bool:
        """Return whether a step of the chain asks since when a number has been the contact's."""
        return any(step.check_level == "reassigned" for step in self.providers.steps)

    def chain(self, dry_run_of: str | None = None) -> Chain:
        """Return the verification chain; for a dry run, one whose answers are not stored."""
        if dry_run_of is None:
            self._chain = self._chain or self._chain_with(DatabaseAnswerCache(self.store))
            return self._chain
        if dry_run_of not in self._forecasts:
            self._forecasts = {dry_run_of: self._chain_with(ForecastAnswerCache(self.store))}
        return self._forecasts[dry_run_of]

    def _chain_with(self, memory: AnswerCache) -> Chain:
        settings = self.settings.verification
        return Chain(self.providers.steps, memory, self.ledger, settings, lambda: self.now())

    def open(self, name: str) -> Connector:
        """Return an open connector, whatever its CRM's fields are."""
        if name not in self._open:
            if name not in self.quotas:
                self.quotas[name] = connectors.quota_of(name, self.settings, self.pace)
            self._open[name] = connectors.build(name, self.settings, self.quotas[name])
            self._share_tokens(name, self._open[name])
        opened = self._open[name]
        if self._is_one_of_several(name) and not opened.account:
            opened.account = crm_accounts.load(self.settings, self.store, name)
        return opened

    def open_own(self, name: str) -> Connector:
        """Like `open`, to read what people did there. Raises `AuthError` where the connection goes
        to another account than before."""
        opened = self.open(name)
        login = self._account_of_login(name, opened)
        self._require_same_account(name, login, crm_accounts.of_records(self.store, name))
        return opened

    def _share_tokens(self, name: str, opened: Connector) -> None:
        """Let a connection by OAuth take its token from the database, as all processes do."""
        credentials = self.settings.hubspot_of(name)
        if credentials is None or not credentials.refresh_token:
            return
        from connectors.hubspot.account import client_of  # HubSpot's package takes its time to load
        from worker.store.hubspot_tokens import DatabaseTokens

        client_of(opened).tokens.store = DatabaseTokens(
            self.store, self.keys, name, credentials.refresh_token, lambda: self.now()
        )

    def _is_one_of_several(self, name: str) -> bool:
        """Return whether there are several accounts of its CRM that have to be told apart."""
        kind = connections.kind_of(name)
        return kind in crm_accounts.KINDS and len(self.settings.of_kind(kind)) > 1

    def connector(self, name: str, fresh: bool = False) -> Connector:
        """Return an open connector that knows the CRM's fields.

        The CRM's schema is cached in the database. The CRM is asked again when the cache is old,
        when a field was missing, or if `fresh`. Raises `SchemaError` if the CRM has none of the
        fields that statuses are written to.
        """
        opened = self.open(name)
        login = self._account_of_login(name, opened)
        account = crm_accounts.of_records_query(name).scalar_subquery()
        schema_at = sa.select(schemas.c.at).where(schemas.c.connector == name).scalar_subquery()
        with self.store.read() as connection:
            known, at = connection.execute(sa.select(account, schema_at)).one()
        self._require_same_account(name, login, known or "")
        now = self.now()
        # What a list holds is known by opening it.
        fresh = fresh or (bool(opened.guessed_from) and name not in self._schema_at)
        if fresh or at is None or now - at > self.settings.sync.schema_ttl or at > now:
            self._refresh_schema(name, opened)
        elif self._schema_at.get(name) != at:
            cached = self.cached_schema(name)
            findings = opened.apply_schema(cached)
            self._schema_at[name] = at
            self.findings[name] = findings
            self.fields[name] = lost_fields.load_history(self.store, name)
            never_asked = not cached.keys() >= set(opened.objects)  # named in the settings since
            blocked = any(finding.blocks for finding in findings)
            if never_asked or (blocked and now - at > _RECHECK_AFTER):
                self._refresh_schema(name, opened)
        self._require_own_account(name, opened)
        self._require_fields(name, opened)
        return opened

    def cached_schema(self, name: str) -> Schema:
        """Return the schema as it was read last; none before the first time."""
        with self.store.read() as connection:
            stored = connection.scalar(
                sa.select(schemas.c.fields).where(schemas.c.connector == name)
            )
        return {
            object_name: {
                key: CrmField(
                    entry["type"],
                    entry["writable"],
                    None if entry["values"] is None else tuple(entry["values"]),
                    entry["length"],
                    entry.get("filterable", True),  # kept by a release that did not ask
                    entry.get("calculated", False),
                    entry.get("details") or {},
                )
                for key, entry in fields.items()
            }
            for object_name, fields in (stored or {}).items()
        }

    def _refresh_schema(self, name: str, opened: Connector) -> None:
        self._learn_account(name, opened)
        before = self.cached_schema(name)
        schema = opened.describe()
        findings = opened.apply_schema(schema)
        at = self.now()
        fields = {
            object_name: {key: asdict(entry) for key, entry in entries.items()}
            for object_name, entries in schema.items()
        }
        reading = lost_fields.SchemaReading(opened.roles(), schema, findings, opened.guessed_from)
        with self.store.write() as connection:
            upsert(connection, schemas, [{"connector": name, "at": at, "fields": fields}])
            self.fields[name] = lost_fields.record_schema(connection, name, reading, before, at)
        self.findings[name] = findings
        self._schema_at[name] = at

    def _learn_account(self, name: str, opened: Connector) -> None:
        """Ask which account a connection goes to, once, where it is to be told from others. Where
        the CRM does not tell, the next time will do. Raises `AuthError` for that of another."""
        if opened.account or not self._is_one_of_several(name):
            return
        try:
            account = opened.account_id()
        except ConnectorError as error:
            log.warning("%s: the account of its login is not known: %s", name, error)
            return
        if other := crm_accounts.another_of(self.settings, self.store, name, account):
            raise _same_account(name, other, account)
        crm_accounts.record(self.settings, self.store, name, account)
        opened.account = account

    def _require_own_account(self, name: str, opened: Connector) -> None:
        """Raise `AuthError` for a connection that goes to the account of one before it."""
        if not opened.account:
            return
        other = crm_accounts.another_of(self.settings, self.store, name, opened.account)
        names = self.settings.of_kind(connections.kind_of(name))
        if other and names.index(other) < names.index(name):
            raise _same_account(name, other, opened.account)

    def _require_same_account(self, name: str, account: str, known: str) -> None:
        """Raise `AuthError` for a connection that goes to another account than the one that our
        records of it are of, or whose account is being changed (`worker.ops.account_change`).

        `account`: of our login. `known`: of our records, looked up each time: a process that was
        not restarted after a change still has the former account's login.
        """
        if account and not known:
            known = crm_accounts.settle(self.store, name, account)
        _compare_accounts(name, account, known)

    def require_account(self, connection: Connection, name: str) -> None:
        """Raise as `open_own` does, and let nobody change the account until the transaction ends:
        what is stored in it is of the account that this context has read."""
        _compare_accounts(name, self._accounts.get(name, ""), crm_accounts.hold(connection, name))

    def check_account(self, name: str) -> None:
        """Raise as `open_own` does, by what is known without asking the CRM, which may be away."""
        account = self._accounts.get(name, "")
        if not account and connections.kind_of(name) in crm_accounts.KINDS:
            account = crm_accounts.load(self.settings, self.store, name)
        _compare_accounts(name, account, crm_accounts.of_records(self.store, name))

    def _account_of_login(self, name: str, opened: Connector) -> str:
        """Return the account that our login goes to; "" where that is not known. The CRM is asked
        once for each login; where it does not answer, the next time will do."""
        if connections.is_file(name):
            return ""
        if name in self._accounts:
            return self._accounts[name]
        if self._is_one_of_several(name):
            self._learn_account(name, opened)
            account = opened.account
            if not account:
                return ""
        else:
            known = connections.kind_of(name) in crm_accounts.KINDS
            account = crm_accounts.load(self.settings, self.store, name) if known else ""
            if not account:
                try:
                    account = opened.account_id()
                except ConnectorError as error:
                    log.debug("%s: the account of its login is not known: %s", name, error)
                    return ""
                if account and known:
                    crm_accounts.record(self.settings, self.store, name, account)
        self._accounts[name] = account
        return account

    def connector_for_run(self, name: str) -> Connector:
        """Like `connector`, but ask the CRM again if a field is missing: it may be back."""
        started = self.now()
        opened = self.connector(name)
        missing = self.fields[name].lost or any(finding.blocks for finding in self.findings[name])
        if missing and self._schema_at[name] < started:
            return self.connector(name, fresh=True)
        return opened

    def _require_fields(self, name: str, opened: Connector) -> None:
        """Raise `SchemaError` for settings that never worked. A field or object that did work and
        is lost stops nothing: the rest continues, and the run reports it (`hidden_fields`)."""
        lost = {(lost_field.object, lost_field.field) for lost_field in self.fields[name].lost}
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
            if not any(f"status/{phone}" in writable for phone in phones) and not ours_lost:
                lacking = [f.field for f in self.findings[name] if f.object == object_name]
                raise SchemaError(
                    f"{name}: {object_name} lacks our fields ({', '.join(lacking[:4])}, ...); "
                    f"create them with: hygiene crm setup {name}"
                )

    def forget_schema(self, name: str) -> None:
        """Drop the cached schema, so that the CRM is asked at the next use."""
        self._schema_at.pop(name, None)
        with self.store.write() as connection:
            connection.execute(sa.delete(schemas).where(schemas.c.connector == name))

    def calls(self, name: str) -> dict[Purpose, int]:
        """Return the API calls that the open connector has made so far; none if it is not open."""
        opened = self._open.get(name)
        return dict(opened.calls) if opened is not None else {}

    def finish_connector(self, name: str) -> None:
        """Close a connector, which completes what it has buffered (a list's new file)."""
        opened = self._open.pop(name, None)
        self._schema_at.pop(name, None)
        if opened is not None:
            opened.close()

    def lease(self, length: timedelta | None = None) -> datetime:
        """Return the end of a lease that begins now."""
        return self.now() + (length or self.settings.sync.page_lease)

    def close_own(self) -> None:
        """Close this thread's connectors, and those of contexts that were given back."""
        while self._pool:
            self._pool.pop().close_own()
        for opened in self._open.values():
            opened.close()
        self._open.clear()
        if self._chain is not None:
            self._chain.close()

    def close(self) -> None:
        self.close_own()
        for provider in self.providers.providers:
            provider.close()
        self.store.close()


def _compare_accounts(name: str, account: str, known: str) -> None:
    """`account`: of our login, `known`: of our records; "" where that is not known."""
    if known == crm_accounts.BEING_CHANGED:
        raise AuthError(
            f"{name}: the change of its account is not finished; to finish it, or with the former "
            f"account's credentials to take it back: hygiene crm change-account {name} --yes"
        )
    if account and known and known != account:
        raise AuthError(
            f"{name} goes to another account now ({account}), and what is stored under this name "
            f"is of account {known}, where the same ids may mean other people: give it the former "
            "account's credentials again, or declare the new account under a name of its own; if "
            "this name is to take it for good: hygiene crm change-account "
            f"{name} --dry-run (docs/several-orgs.md)"
        )


def _same_account(name: str, other: str, account: str) -> AuthError:
    return AuthError(
        f"{name}: its login goes to the same account as {other} ({account}), so each would take "
        "the other's writes for those of people; remove one of the two connections"
    )
