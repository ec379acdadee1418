"""Write, read, shrink and merge the Parquet files of a dataset. Nothing else imports pyarrow."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from config.section import SettingsError
from config.version import PACKAGE

try:
    import pyarrow as pa
    import pyarrow.parquet as pq
except ImportError as missing:
    raise SettingsError(
        f'hygiene export --parquet needs its extra: pip install "{PACKAGE}[parquet]"'
    ) from missing

from worker.ops.warehouse.changes import ExportedRow
from worker.ops.warehouse.manifest import PARTIAL, File, put_in_place
from worker.store.views import ColumnType

_TYPES: dict[ColumnType, Any] = {
    "text": pa.string(),
    "integer": pa.int64(),
    "float": pa.float64(),
    "decimal": pa.decimal128(12, 6),
    "boolean": pa.bool_(),
    "timestamp": pa.timestamp("us", tz="UTC"),
}
_GROUP = 10_000  # rows in a row group, and in memory
_READ = 4_000
# Columns that stand after those of the view.
ROW_KEY, EXPORT, ROW_HASH = "row_key", "export", "row_hash"
BOOKKEEPING: dict[str, ColumnType] = {ROW_KEY: "text", EXPORT: "integer", ROW_HASH: "integer"}

FAULTS = (OSError, pa.ArrowException)  # what reading or writing a file may raise


class PartWriter:
    """Writes one file. It has its name once `close` has returned; without it nothing is left."""

    def __init__(self, directory: Path, name: str, columns: Mapping[str, ColumnType]) -> None:
        self._path, self._name = directory / name, name
        self._path.parent.mkdir(mode=0o700, exist_ok=True)
        self._partial = self._path.with_name(self._path.name + PARTIAL)
        handle = os.open(self._partial, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
        self._file = os.fdopen(handle, "w+b")
        self.schema = pa.schema([pa.field(name, _TYPES[kind]) for name, kind in columns.items()])
        self._writer = pq.ParquetWriter(self._file, self.schema, compression="zstd")
        self._buffer: list[Sequence[Any]] = []
        self.rows = 0

    def add(self, row: Sequence[Any]) -> None:
        self._buffer.append(row)
        self.rows += 1
        if len(self._buffer) == _GROUP:
            self._flush()

    def add_table(self, table: Any) -> None:
        """Add rows that another file has."""
        if table.num_rows:
            self._writer.write_table(table.cast(self.schema), row_group_size=_GROUP)
            self.rows += table.num_rows

    def _flush(self) -> None:
        if not self._buffer:
            return
        columns = zip(*self._buffer, strict=True)
        arrays = [
            pa.array(values, type=field.type)
            for values, field in zip(columns, self.schema, strict=True)
        ]
        self._writer.write_table(pa.Table.from_arrays(arrays, schema=self.schema))
        self._buffer = []

    def close(self, first_export: int, last_export: int) -> File:
        self._flush()
        self._writer.close()
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.seek(0)
        digest = hashlib.file_digest(self._file, "sha256").hexdigest()
        self._file.close()
        put_in_place(self._partial, self._path)
        return File(self._name, self.rows, first_export, last_export, digest)

    def abandon(self) -> None:
        """Remove what was written. After `close` it does nothing."""
        if not self._file.closed:
            self._writer.close()
            self._file.close()
        self._partial.unlink(missing_ok=True)


def exported_rows(path: Path, key: Sequence[str], age: int) -> Iterator[ExportedRow]:
    """Yield the rows of a file, in its order, with what is needed to compare them."""
    position = 0
    with pq.ParquetFile(path, pre_buffer=False) as file:
        for batch in file.iter_batches(_READ, columns=[*key, ROW_KEY, ROW_HASH]):
            columns = {name: batch.column(name).to_pylist() for name in batch.schema.names}
            keys = zip(*(columns[name] for name in key), strict=True)
            for row in zip(keys, columns[ROW_KEY], columns[ROW_HASH], strict=True):
                yield ExportedRow(row[0], age, position, row[1], row[2])
                position += 1


def copy_without(writer: PartWriter, path: Path, positions: Sequence[int]) -> None:
    """Copy a file but for the rows at these positions, which ascend."""
    start, place = 0, 0
    with pq.ParquetFile(path, pre_buffer=False) as file:
        for batch in file.iter_batches(_GROUP):
            wanted = [True] * batch.num_rows
            while place < len(positions) and positions[place] < start + batch.num_rows:
                wanted[positions[place] - start] = False
                place += 1
            writer.add_table(pa.Table.from_batches([batch.filter(pa.array(wanted))]))
            start += batch.num_rows


def merge(writer: PartWriter, paths: Sequence[Path], key: Sequence[str]) -> None:
    """Write the rows of some small files as one, in the order of their keys."""
    table = pa.concat_tables([pq.read_table(path, partitioning=None) for path in paths])
    writer.add_table(table.sort_by([(name, "ascending") for name in key]))
