"""Bring a directory of Parquet files up to date with the views.

1. Take the directory's lock, read its manifest, and remove what no manifest names.
2. Read each view in the order of its key, all from one snapshot, and compare it with the files.
3. Write rows that are new or changed to new files. A file that is complete is noted as pending, so
   that an export which is interrupted is taken up behind it.
4. Replace each file that holds a changed or deleted row by one without it; merge small files.
5. Replace the manifest: the export is complete. Remove the files that it no longer names.
"""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
import sqlalchemy as sa
from msgspec.structs import replace
from sqlalchemy.engine import Connection

from config import stopping
from config.version import product_version
from worker.ops.export import ExportError
from worker.ops.warehouse import manifest as manifests
from worker.ops.warehouse import parts
from worker.ops.warehouse.changes import Key, OrderError, differences
from worker.ops.warehouse.manifest import File, Manifest
from worker.store import Store
from worker.store.pseudonyms import Keys
from worker.store.views import VIEWS, ColumnType, View

DELETED = "deleted"  # the dataset of rows that are gone
_DELETED_COLUMNS: dict[str, ColumnType] = {
    "dataset": "text", parts.ROW_KEY: "text", parts.EXPORT: "integer", "deleted_at": "timestamp",
}  # fmt: skip
_READ = 2_000  # rows that are fetched at once
PART_ROWS = 200_000  # rows of a file
MANY_FILES = 16  # small files of a dataset, from which on they are merged


@dataclass
class DatasetCounts:
    """`rows`: that the dataset holds now. `written`: of them, those that are new or changed since
    the export before. `deleted`: that are gone since. `replaced`: files that held one of these."""

    rows: int = 0
    written: int = 0
    deleted: int = 0
    replaced: int = 0
    files: int = 0


@dataclass(frozen=True)
class Summary:
    """What an export did. `export`: its number, counted by the directory from 1."""

    export: int
    exported_at: datetime
    datasets: dict[str, DatasetCounts]

    def as_json(self) -> dict[str, Any]:
        return {
            "export": self.export,
            "exported_at": self.exported_at.isoformat(),
            "datasets": {name: vars(counts) for name, counts in self.datasets.items()},
        }


def export(store: Store, keys: Keys, directory: Path, now: datetime) -> Summary:
    """Bring the directory up to date. Raises `ExportError`, and `Stopped` if the process was told
    to stop: then the next export goes on where this one was."""
    installations = _installations(keys)
    try:
        with manifests.locked(directory):
            before = manifests.read(directory, installations, product_version())
            manifests.remove_unlisted(directory, before)
            return _Export(store, keys, directory, now, before).run()
    except parts.FAULTS as error:
        text = getattr(error, "strerror", None) or error
        raise ExportError(f"{directory}: the export was not completed: {text}") from error
    except OrderError as error:
        raise ExportError(
            f"{directory}: rows do not come in the order of their keys, so nothing was "
            "changed; export to a new directory, and report this"
        ) from error


def _installations(keys: Keys) -> list[str]:
    """Return what names this installation, under the key in use and under earlier ones."""
    return [mac.hexdigest()[:32] for mac in keys.digests("warehouse")]


@dataclass
class _Dataset:
    """The files of a dataset while it is exported. `gone[n]`: positions in `files[n]` of rows that
    are out of date."""

    files: list[File]
    gone: list[array[int]]
    new: list[File] = field(default_factory=list)

    @classmethod
    def of(cls, files: list[File]) -> _Dataset:
        return cls(files, [array("q") for _ in files])


class _Export:
    def __init__(
        self, store: Store, keys: Keys, directory: Path, now: datetime, before: Manifest
    ) -> None:
        self._store, self._keys, self._directory, self._now = store, keys, directory, now
        self._manifest = before
        self._number = before.export + 1
        self._installation = _installations(keys)[0]
        self._counts: dict[str, DatasetCounts] = {}
        self._names = 0

    def run(self) -> Summary:
        datasets: dict[str, list[File]] = {}
        deletions = self._writer(DELETED, _DELETED_COLUMNS)
        try:
            with self._store.snapshot() as connection:
                for view in VIEWS:
                    datasets[view.name] = self._view(connection, view, deletions)
            datasets[DELETED] = self._with_deletions(deletions)
        finally:
            deletions.abandon()
        complete = replace(
            self._manifest, version=product_version(), installation=self._installation,
            export=self._number, exported_at=self._now, datasets=datasets, pending={},
        )  # fmt: skip
        manifests.write(self._directory, complete)
        manifests.remove_unlisted(self._directory, complete)
        return Summary(self._number, self._now, self._counts)

    def _view(self, connection: Connection, view: View, deletions: parts.PartWriter) -> list[File]:
        """Export one view; returns its files."""
        listed = self._manifest.datasets.get(view.name, [])
        pending = self._manifest.pending.get(view.name, [])
        dataset = _Dataset.of([*listed, *pending])
        counts = self._counts[view.name] = DatasetCounts()
        columns = {**view.columns, **parts.BOOKKEEPING}
        writer: parts.PartWriter | None = None
        try:
            for row in self._changed_rows(connection, view, dataset, deletions, counts):
                writer = writer or self._writer(view.name, columns)
                writer.add(row)
                if writer.rows == PART_ROWS:
                    self._complete(view, dataset, writer)
                    writer = None
            if writer is not None:
                self._complete(view, dataset, writer)
                writer = None
        finally:
            if writer is not None:
                writer.abandon()
        shrunk = self._shrunk(view, dataset, counts)
        files = self._at_least_one(
            view.name, columns, self._merged(view.name, columns, view.key, shrunk)
        )
        counts.files = len(files)
        counts.written += sum(
            file.rows - len(gone)
            for file, gone in zip(dataset.files[len(listed) :], dataset.gone[len(listed) :],
                                  strict=True)
        )  # fmt: skip
        return files

    def _changed_rows(
        self,
        connection: Connection,
        view: View,
        dataset: _Dataset,
        deletions: parts.PartWriter,
        counts: DatasetCounts,
    ) -> Iterator[Sequence[Any]]:
        """Yield the rows to write; note which rows of files are out of date, and which are gone."""
        newest = len(dataset.files) - 1
        pending = len(self._manifest.pending.get(view.name, []))
        exported = [
            parts.exported_rows(self._directory / file.path, view.key, newest - place)
            for place, file in enumerate(dataset.files)
        ]
        row_hash, row_key = _row_hash(view), _row_key(view, self._keys)
        for key, row, stored in differences(_rows(connection, view), exported):
            hashed = None if row is None else row_hash(row)
            outdated = stored
            if stored and hashed == stored[0].row_hash:
                outdated = stored[1:]
            for old in outdated:
                dataset.gone[newest - old.age].append(old.position)
            if row is None:
                if stored[-1].age >= pending:  # else no export was completed with it
                    deletions.add((view.name, stored[0].row_key, self._number, self._now))
                    counts.deleted += 1
                continue
            counts.rows += 1
            if len(outdated) == len(stored):
                counts.written += 1
                name = stored[0].row_key if stored else row_key(key)
                yield (*row, name, self._number, hashed)

    def _complete(self, view: View, dataset: _Dataset, writer: parts.PartWriter) -> None:
        """Finish a file of new rows, so that an interrupted export need not write it again."""
        dataset.new.append(writer.close(self._number, self._number))
        earlier = self._manifest.pending
        pending = [*earlier.get(view.name, []), dataset.new[-1]]
        self._manifest = replace(self._manifest, pending={**earlier, view.name: pending})
        manifests.write(self._directory, self._manifest)

    def _shrunk(self, view: View, dataset: _Dataset, counts: DatasetCounts) -> list[File]:
        """Return the files of a dataset without rows that are out of date."""
        files = []
        for file, gone in zip(dataset.files, dataset.gone, strict=True):
            if not gone:
                files.append(file)
                continue
            counts.replaced += 1
            if len(gone) == file.rows:
                continue
            stopping.check()
            writer = self._writer(view.name, {**view.columns, **parts.BOOKKEEPING})
            try:
                parts.copy_without(writer, self._directory / file.path, gone)
                files.append(writer.close(file.first_export, file.last_export))
            finally:
                writer.abandon()
        return [*files, *dataset.new]

    def _merged(
        self, name: str, columns: Mapping[str, ColumnType], key: Sequence[str], files: list[File]
    ) -> list[File]:
        """Merge small files into one, as many as fit into one, once there are many."""
        small = sorted((f for f in files if f.rows < PART_ROWS // 4), key=lambda file: file.rows)
        if len(small) < MANY_FILES:
            return files
        chosen: list[File] = []
        for file in small:
            if sum(f.rows for f in chosen) + file.rows > PART_ROWS:
                break
            chosen.append(file)
        writer = self._writer(name, columns)
        try:
            parts.merge(writer, [self._directory / file.path for file in chosen], key)
            first = min(file.first_export for file in chosen)
            merged = writer.close(first, max(file.last_export for file in chosen))
        finally:
            writer.abandon()
        return [*(file for file in files if file not in chosen), merged]

    def _with_deletions(self, deletions: parts.PartWriter) -> list[File]:
        files = list(self._manifest.datasets.get(DELETED, []))
        if deletions.rows:
            files.append(deletions.close(self._number, self._number))
        key = ("dataset", parts.ROW_KEY, parts.EXPORT)
        merged = self._merged(DELETED, _DELETED_COLUMNS, key, files)
        return self._at_least_one(DELETED, _DELETED_COLUMNS, merged)

    def _at_least_one(
        self, name: str, columns: Mapping[str, ColumnType], files: list[File]
    ) -> list[File]:
        """A dataset without rows has one file, so that a reader finds its columns."""
        filled = [file for file in files if file.rows]
        return filled or [self._writer(name, columns).close(self._number, self._number)]

    def _writer(self, dataset: str, columns: Mapping[str, ColumnType]) -> parts.PartWriter:
        """Begin a file under a name that was never used for another one."""
        while True:
            self._names += 1
            name = f"{dataset}/part-{self._number:06}-{self._names:05}.parquet"
            if not (self._directory / name).exists():
                return parts.PartWriter(self._directory, name, columns)


def _rows(connection: Connection, view: View) -> Iterator[tuple[Key, Sequence[Any]]]:
    """Yield the rows of a view with their keys, in the order in which Python compares these."""
    table = view.table
    order: list[sa.ColumnElement[Any]] = [
        sa.collate(table.c[name], "C")
        if connection.dialect.name == "postgresql" and view.columns[name] == "text"
        else table.c[name]
        for name in view.key
    ]  # fmt: skip
    names = list(view.columns)
    places = [names.index(name) for name in view.key]
    query = sa.select(table).order_by(*order)
    with connection.execution_options(yield_per=_READ).execute(query) as result:
        for rows in result.partitions():
            stopping.check()
            for row in rows:
                yield tuple(row[place] for place in places), row


def _row_hash(view: View) -> Callable[[Sequence[Any]], int]:
    """Return what hashes a row: 64 bits, which change with the view's columns too."""
    begun = hashlib.blake2b(",".join(view.columns).encode(), digest_size=8)

    def row_hash(row: Sequence[Any]) -> int:
        digest = begun.copy()
        digest.update(orjson.dumps(tuple(row), default=str))
        return int.from_bytes(digest.digest(), "big", signed=True)

    return row_hash


def _row_key(view: View, keys: Keys) -> Callable[[Key], str]:
    """Return what names a row to a warehouse, also when it is gone: without our key, nobody can
    find out whose it was."""
    begun = keys.digests("warehouse row")[0]

    def row_key(key: Key) -> str:
        digest = begun.copy()
        digest.update(orjson.dumps((view.name, *key)))
        return digest.hexdigest()[:32]

    return row_key
