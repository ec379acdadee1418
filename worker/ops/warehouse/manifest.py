"""What an export directory holds: `manifest.json`. Replacing it is what completes an export.

A reader that takes its files from the manifest sees each export as a whole. A file that no
manifest names is the rest of an export that was interrupted, and is removed.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import msgspec
from msgspec import Struct

from worker.ops.export import ExportError

FORMAT = 1
_NAME = "manifest.json"
_LOCK = ".lock"
PARTIAL = ".partial"  # ends the name of a file that is being written


class File(Struct, frozen=True):
    """A file of a dataset. `path`: below the directory. The rows in it were written by exports from
    `first_export` to `last_export`."""

    path: str
    rows: int
    first_export: int
    last_export: int
    sha256: str


class Manifest(Struct, frozen=True):
    """`installation`: a keyed hash, by which the files of another database are recognised.
    `pending`: files of an export that was interrupted, which the next one need not write again.
    """

    format: int
    version: str
    installation: str
    export: int
    exported_at: datetime | None
    datasets: dict[str, list[File]]
    pending: dict[str, list[File]] = {}

    def paths(self) -> set[str]:
        listed = (*self.datasets.values(), *self.pending.values())
        return {file.path for files in listed for file in files}


@contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Make the directory if need be, and keep other exports out. Raises `ExportError`."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle = os.open(directory / _LOCK, os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ExportError(
                f"{directory}: another export is writing there; wait until it has ended"
            ) from error
        yield
    finally:
        os.close(handle)


def read(directory: Path, installations: list[str], version: str) -> Manifest:
    """Return the manifest of a directory, or of an empty one. Raises `ExportError` for a directory
    that holds something else, or the export of another database."""
    path = directory / _NAME
    if not path.exists():
        if any(entry.name not in (_LOCK, _NAME + PARTIAL) for entry in directory.iterdir()):
            raise ExportError(
                f"{directory} is not empty, and no export of Phone Hygiene: name a new directory"
            )
        empty = Manifest(FORMAT, version, installations[0], 0, None, {})
        write(directory, empty)  # from now on, what is left of an export is known to be ours
        return empty
    try:
        manifest = msgspec.json.decode(path.read_bytes(), type=Manifest)
    except msgspec.DecodeError as error:
        raise ExportError(f"{path} cannot be read: export to a new directory") from error
    if manifest.format != FORMAT:
        raise ExportError(
            f"{path} is of another version of Phone Hygiene: export to a new directory"
        )
    if manifest.installation not in installations:
        raise ExportError(
            f"{directory} holds the export of another database, or one under another SECRET_KEY: "
            "name a new directory"
        )
    missing = sorted(name for name in manifest.paths() if not (directory / name).exists())
    if missing:
        raise ExportError(
            f"{directory / missing[0]} is missing ({len(missing)} files in all): restore it, or "
            "export to a new directory"
        )
    return manifest


def write(directory: Path, manifest: Manifest) -> None:
    text = msgspec.json.format(msgspec.json.encode(manifest), indent=1) + b"\n"
    partial = directory / (_NAME + PARTIAL)
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    put_in_place(partial, directory / _NAME)


def put_in_place(partial: Path, path: Path) -> None:
    """Rename a file, and let the name outlive a power failure."""
    partial.replace(path)
    handle = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def remove_unlisted(directory: Path, manifest: Manifest) -> None:
    """Remove files that no export has completed, or that the latest one has replaced."""
    listed = manifest.paths()
    for path in directory.glob("*/part-*"):
        if str(path.relative_to(directory)) not in listed:
            path.unlink()
