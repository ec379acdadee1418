"""Import a registry: a whole file in place of the list, or a change list.

The way of an import:

1. Claim: a row of `registry_imports` with the next generation. A second import of the same list
   waits for nobody: it is refused. What an import that died had staged is taken away first.
2. Read the files, by their format. A whole file is sorted outside of memory and compared with the
   list in force.
3. Guard: a file that would take off more than `max_removals` of the list stops here, and so does
   one of which too much cannot be read, and a change list that is taken for a whole one.
4. Stage what differs, a batch in a transaction, where nobody sees it (`numbers`).
5. Put it in force, in one small transaction.
6. Have the contacts told that hold a number that came or went (`follow_up`).

Killed at whatever step, the list is as before up to step 5, and as the file from it on; `resume`
takes step 6 up again. An import whose end could not be recorded, since the disk of the database was
full, is settled by its own process later (`settle_own`), or once that is gone.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from config import stopping
from config.errors import HygieneError
from config.registries import RegistrySettings
from worker.context import Context
from worker.leases import is_alive, is_this_process
from worker.registries import follow_up, numbers
from worker.registries.formats import READERS
from worker.registries.formats.model import Line
from worker.registries.model import ImportState, UnknownRegistryError
from worker.registries.numbers import BATCH, Staged
from worker.registries.sorting import Files, NumberFile, differences, number_files
from worker.store.machine_faults import trouble
from worker.store.tables import registries, registry_imports

log = logging.getLogger(__name__)

ImportKind = Literal["whole", "changes"]
MAX_REFUSED = 0.01  # share of lines that may be unreadable in a whole file or a change list
_GUARD_FLOOR = 20  # numbers that may always go, of a list that holds twice as many
# Imports that this process is at: by owner, registry and generation.
_AT_WORK: set[tuple[str, int, int]] = set()
_DEAD_AFTER = timedelta(hours=6)  # an import on another machine, of which nothing else is known


class ImportRefusedError(HygieneError):
    """The import was not put in force, and the list is as it was; the text says why."""

    exit_code = 2
    http_status = 422


class ImportBusyError(ImportRefusedError):
    """Another import of the list is at work."""

    http_status = 409


class ContactsNotToldError(HygieneError):
    """The list is in force, but not all contacts could be told yet; a worker goes on with it."""

    exit_code = 1
    http_status = 503


class RemovalsRefusedError(ImportRefusedError):
    """The files would take too much off the list. `what`: how much, as a person is told."""

    def __init__(self, what: str) -> None:
        super().__init__(f"{what}. If that is right, import it again with --accept-removals")
        self.what = what


@dataclass(frozen=True, slots=True)
class ImportRequest:
    """`as_of`: when the files were right; None: now. `accept_removals`: whatever they take off.

    `by`: who imports, for the record.
    """

    name: str
    files: Sequence[Path]
    kind: ImportKind
    by: str
    as_of: datetime | None = None
    accept_removals: bool = False


@dataclass(frozen=True, slots=True)
class ImportResult:
    """`added`, `removed`: numbers that came to the list and went off it. `refused`: lines.

    `held`: of these numbers, those that some contact holds.
    """

    generation: int
    added: int
    removed: int
    numbers: int
    refused: int
    held: int


def import_files(
    ctx: Context,
    request: ImportRequest,
    crms: Sequence[str],
    progress: Callable[[int], None] = lambda _lines: None,
) -> ImportResult:
    """Import files of a registry. `crms`: that are told. `progress`: is handed counts of lines.

    Raises `UnknownRegistryError`, `ImportRefusedError`, and `ListError` for a file that cannot be
    read; in each case the list is as it was.
    """
    settings = ctx.settings.registries.get(request.name)
    if settings is None:
        raise UnknownRegistryError(request.name)
    return _import(ctx, request, settings, crms, progress)


def _import(
    ctx: Context,
    request: ImportRequest,
    settings: RegistrySettings,
    crms: Sequence[str],
    progress: Callable[[int], None] = lambda _lines: None,
) -> ImportResult:
    follow_up.resume(ctx, crms)  # of the import before, if it was killed there
    loading = _Loading(ctx, request, settings, progress)
    try:
        loading.load()
    except BaseException as error:
        loading.give_up(error)
        raise
    finally:
        _AT_WORK.discard(loading.key)
    try:
        held = follow_up.tell(ctx, loading.registry, loading.generation, crms)
    except Exception as error:
        if (fault := trouble(error)) is None:
            raise
        raise ContactsNotToldError(
            f"{request.name} is in force, but its contacts could not be told yet: {fault.line}. A "
            "worker goes on with it"
        ) from error
    return ImportResult(
        loading.generation, loading.staged.added, loading.staged.removed, loading.total,
        loading.refused, held,
    )  # fmt: skip


def remove(ctx: Context, name: str, by: str, crms: Sequence[str]) -> ImportResult:
    """Take all numbers off a list, whether the settings still name it or not.

    Raises `UnknownRegistryError` where nothing of it was imported.
    """
    with ctx.store.read() as connection:
        row = connection.execute(
            sa.select(registries).where(registries.c.name == name)
        ).one_or_none()
    if row is None:
        raise UnknownRegistryError(name)
    settings = ctx.settings.registries.get(name) or RegistrySettings(authority=row.authority)
    request = ImportRequest(name, (), "whole", by, accept_removals=True)
    return _import(ctx, request, settings, crms)


def settle_own(ctx: Context) -> None:
    """Settle imports of this process that ended without a word: while the disk of the database was
    full, neither could be written down that they had failed, nor taken away what they had staged.

    Raises the database's error where that is still so.
    """
    i = registry_imports.c
    query = (
        sa.select(i.registry, i.generation, i.owner, registries.c.generation.label("in_force"))
        .join(registries, registries.c.id == i.registry)
        .where(i.state == ImportState.LOADING)
    )
    with ctx.store.read() as connection:
        rows = connection.execute(query).all()
    for row in rows:
        if is_this_process(row.owner) and not _is_at_work(row):
            numbers.discard(ctx.store, row.registry, row.in_force)
            _record_failure(ctx, row.registry, row.generation, "the database could not be written")


def _is_at_work(row: Any) -> bool:
    """Return whether the process of an import may still be at it."""
    if is_this_process(row.owner):
        return (row.owner, row.registry, row.generation) in _AT_WORK
    return is_alive(row.owner)


def _record_failure(
    ctx: Context, registry: int, generation: int, why: str, state: ImportState = ImportState.FAILED
) -> None:
    i = registry_imports.c
    with ctx.store.write() as connection:
        connection.execute(
            sa.update(registry_imports)
            .where(i.registry == registry, i.generation == generation)
            .where(i.state == ImportState.LOADING)
            .values(state=state, error=why[:255])
        )


class _Loading:
    """One import, from its claim until it is in force."""

    def __init__(
        self,
        ctx: Context,
        request: ImportRequest,
        settings: RegistrySettings,
        progress: Callable[[int], None],
    ) -> None:
        self._ctx, self._request, self._settings = ctx, request, settings
        self._progress = progress
        self.registry = self.generation = 0
        self._before = 0  # numbers in force
        self._in_force = 0  # the generation in force
        self.refused = self._read = self.total = 0
        self._with_action = 0
        self._digest = hashlib.sha256()

    @property
    def key(self) -> tuple[str, int, int]:
        return self._ctx.owner, self.registry, self.generation

    def load(self) -> None:
        self._claim()
        self.staged = Staged(self.registry, self.generation)
        for path in self._request.files:
            with path.open("rb") as file:
                while part := file.read(1 << 20):
                    self._digest.update(part)
        with number_files() as files:
            if self._request.kind == "whole":
                self._stage_whole(files)
            else:
                self._stage_changes()
        self._put_in_force()

    # -- 1. claim --------------------------------------------------------------------------

    def _claim(self) -> None:
        ctx, request, now = self._ctx, self._request, self._ctx.now()
        values = {
            "authority": self._settings.authority,
            "channels": " ".join(sorted(set(self._settings.channels))),
        }
        with ctx.store.write() as connection:
            r = registries.c
            found = sa.select(registries).where(r.name == request.name).with_for_update()
            row = connection.execute(found).one_or_none()
            if row is None:
                first = {"name": request.name, "generation": 0, "numbers": 0, **values}
                connection.execute(sa.insert(registries).values(**first))
                row = connection.execute(found).one()
            else:
                connection.execute(sa.update(registries).where(r.id == row.id).values(**values))
            self.registry, self._in_force, self._before = row.id, row.generation, row.numbers
            another_died = self._refuse_second(connection)
            i = registry_imports.c
            last = sa.select(sa.func.max(i.generation)).where(i.registry == row.id)
            self.generation = (connection.scalar(last) or 0) + 1
            connection.execute(
                sa.insert(registry_imports).values(
                    registry=row.id, generation=self.generation, kind=request.kind,
                    state=ImportState.LOADING, at=now, as_of=request.as_of or now,
                    by=request.by[:120], owner=ctx.owner,
                    files=", ".join(path.name for path in request.files), sha256="", refused=0,
                    added=0, removed=0, numbers=0, told="", error="",
                )
            )  # fmt: skip
        _AT_WORK.add(self.key)
        if another_died:
            numbers.discard(ctx.store, self.registry, self._in_force)
        numbers.collect(ctx.store, self.registry, self._in_force)

    def _refuse_second(self, connection: Connection) -> bool:
        """Refuse this import where another one is at work; return whether one has died."""
        i, name = registry_imports.c, self._request.name
        open_states = (ImportState.LOADING, ImportState.IN_FORCE)
        query = sa.select(registry_imports).where(
            i.registry == self.registry, i.state.in_(open_states)
        )
        dead = []
        for row in connection.execute(query):
            if row.state == ImportState.IN_FORCE:
                raise ImportBusyError(
                    f"contacts are still being told of the last import of {name}; try again soon"
                )
            if _is_at_work(row) and self._ctx.now() - row.at < _DEAD_AFTER:
                raise ImportBusyError(f"{name} is being imported; wait until that is done")
            dead.append(row.generation)
        connection.execute(
            sa.update(registry_imports)
            .where(i.registry == self.registry, i.generation.in_(dead))
            .values(state=ImportState.FAILED, error="its process ended")
        )
        return bool(dead)

    # -- 2. to 4. read, guard and stage ----------------------------------------------------

    def _lines(self) -> Iterator[Line]:
        read = READERS[self._settings.format]
        for path in self._request.files:
            for line in read(path, self._settings):
                self._read += 1
                if self._read % 10_000 == 0:
                    stopping.check()
                    self._progress(10_000)
                yield line
        self._progress(self._read % 10_000)

    def _numbers(self) -> Iterator[int]:
        for number, action in self._lines():
            if number is None:
                self.refused += 1
                continue
            self._with_action += bool(action)
            yield number

    def _stage_whole(self, files: Files) -> None:
        new = files.sort(self._numbers())
        self._check_lines()
        if self._with_action:
            raise ImportRefusedError(
                f"{self._with_action:,} lines say that a number was added or removed: this is a "
                "change list; import it with --changes"
            )
        old: Iterable[int] = ()
        if self._before:
            old = numbers.read_sorted(self._ctx.store, self.registry, self._in_force)
        added, removed = files.new(), files.new()
        changes = differences(old, new)
        while part := list(islice(changes, BATCH)):
            added.add(number for number, is_new in part if is_new)
            removed.add(number for number, is_new in part if not is_new)
        self._check_removals(removed.count)
        self._stage_file(added, True, plain=True)
        self._stage_file(removed, False)

    def _stage_file(self, file: NumberFile, is_new: bool, plain: bool = False) -> None:
        """Stage numbers that differ. `plain`: none of them has a row, so none is looked for."""
        for part in file.slices(BATCH):
            stopping.check()
            with self._ctx.store.write() as connection:
                if plain:
                    numbers.insert_new(connection, self.registry, part, self.generation)
                    self.staged.added += len(part)
                else:
                    self.staged.stage(connection, dict.fromkeys(part, is_new))

    def _stage_changes(self) -> None:
        lines = self._lines()
        while part := list(islice(lines, BATCH)):
            batch: dict[int, bool] = {}
            for number, action in part:
                if number is None or not action:
                    self.refused += 1
                else:
                    batch[number] = action == "add"
            if batch:
                with self._ctx.store.write() as connection:
                    self.staged.stage(connection, batch)
        self._check_lines()
        self._check_removals(self.staged.removed)

    def _check_lines(self) -> None:
        """Refuse files of which too much cannot be read: they are of another form, or broken."""
        if self._request.files and not self._read:
            raise ImportRefusedError("the file is empty, so nothing was imported")
        if self.refused > MAX_REFUSED * self._read:
            what = "hold no number"
            if self._request.kind == "changes":
                what += ", or do not say whether it was added or removed"
            raise ImportRefusedError(
                f"{self.refused:,} of {self._read:,} lines {what}, so nothing was imported: check "
                f"registries.{self._request.name}.format and its columns"
            )

    def _check_removals(self, removed: int) -> None:
        most = max(_GUARD_FLOOR, int(self._before * self._settings.max_removals))
        if self._before <= _GUARD_FLOOR:  # of a short list, not all of it
            most = min(most, max(1, self._before // 2))
        if removed > most and not self._request.accept_removals:
            raise RemovalsRefusedError(
                f"the file would remove {removed:,} of {self._before:,} numbers from "
                f"{self._request.name} ({_percent(removed / self._before)}; the limit is "
                f"{_percent(self._settings.max_removals)})"
            )

    # -- 5. put in force -------------------------------------------------------------------

    def _put_in_force(self) -> None:
        self.total = self._before + self.staged.added - self.staged.removed
        # A list whose numbers were all taken off has no file, and so no age.
        as_of = (self._request.as_of or self._ctx.now()) if self._request.files else None
        i = registry_imports.c
        with self._ctx.store.write() as connection:
            connection.execute(
                sa.update(registries)
                .where(registries.c.id == self.registry)
                .values(generation=self.generation, numbers=self.total, as_of=as_of)
            )
            connection.execute(
                sa.update(registry_imports)
                .where(i.registry == self.registry, i.generation == self.generation)
                .values(
                    state=ImportState.IN_FORCE, sha256=self._digest.hexdigest(),
                    refused=self.refused, added=self.staged.added,
                    removed=self.staged.removed, numbers=self.total,
                )
            )  # fmt: skip

    def give_up(self, error: BaseException) -> None:
        """Take away what was staged, and keep why."""
        if not self.generation:
            return
        i = registry_imports.c
        mine = sa.and_(i.registry == self.registry, i.generation == self.generation)
        loading = sa.and_(mine, i.state == ImportState.LOADING)
        try:
            with self._ctx.store.read() as connection:
                if connection.scalar(sa.select(i.generation).where(loading)) is None:
                    return  # it is in force
            numbers.discard(self._ctx.store, self.registry, self._in_force)
            refused = isinstance(error, ImportRefusedError)
            _record_failure(
                self._ctx, self.registry, self.generation, _why(error),
                ImportState.REFUSED if refused else ImportState.FAILED,
            )  # fmt: skip
        except Exception as another:
            if trouble(another) is None:
                raise
            log.warning("%s: %s", self._request.name, _why(another))


def _why(error: BaseException) -> str:
    fault = trouble(error) if not isinstance(error, HygieneError) else None
    return fault.line if fault else str(error) or type(error).__name__


def _percent(share: float) -> str:
    """
    >>> _percent(0.05), _percent(0.123), _percent(0.0004)
    ('5%', '12.3%', '0.04%')
    """
    return f"{share * 100:.{1 if share >= 0.001 else 2}f}".rstrip("0").rstrip(".") + "%"
