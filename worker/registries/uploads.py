"""Files of a registry that an admin uploads on its page, until a worker has loaded them.

A file lies in `HYGIENE_HOME/uploads`, for this user alone, and a row of `app_state` says what is to
become of it: one a registry. So nothing is lost with Redis, and the next worker takes up what a
killed one had begun. A file that stopped at the guard is kept until an admin confirms it, uploads
another one, or a week has gone; every other one is deleted when it was loaded or refused. A file
without a row, whose web process was killed while it arrived, is deleted after a day (`sweep`).
"""

from __future__ import annotations

import logging
import os
import re
import shutil
import uuid
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import IO, Any

import orjson
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from config.errors import HygieneError
from worker.context import Context
from worker.leases import is_alive, is_this_process
from worker.registries import imports
from worker.registries.imports import (
    ContactsNotToldError,
    ImportBusyError,
    ImportKind,
    ImportRequest,
    RemovalsRefusedError,
)
from worker.store.bulk import upsert
from worker.store.machine_faults import place, trouble
from worker.store.tables import app_state, registries

log = logging.getLogger(__name__)

KEPT_FOR = timedelta(days=7)  # a file that stopped at the guard
_DEAD_AFTER = timedelta(hours=6)  # a load on another machine, of which nothing else is known
_ORPHAN_AFTER = timedelta(days=1)  # longer than any file takes to arrive
_AT_WORK: set[str] = set()  # the uploads that this process is loading
_ROW = "registry upload "  # begins the name of a row of app_state; the registry's name follows
_FOLDER = "uploads"
_NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9._-]+")


class UploadState(StrEnum):
    WAITING = "waiting"
    LOADING = "loading"
    ASKS = "asks"  # it would take too much off the list; `question` says how much
    FAILED = "failed"  # `question` says why


class UploadError(HygieneError):
    """What is asked of an upload cannot be done; the text says what to do."""

    exit_code = 2
    http_status = 409


@dataclass(frozen=True, slots=True)
class Upload:
    """`generation`: of the list when the question was asked. `accepted`: whoever has confirmed."""

    id: str
    file: str
    kind: ImportKind
    by: str
    at: str
    as_of: str = ""
    state: UploadState = UploadState.WAITING
    question: str = ""
    generation: int = 0
    accepted: str = ""
    owner: str = ""
    since: str = ""  # of the state LOADING

    @property
    def is_open(self) -> bool:
        return self.state in (UploadState.WAITING, UploadState.LOADING)


def store(ctx: Context, file_name: str, source: IO[bytes]) -> Path:
    """Copy a file that has arrived, for this user alone, and return where to. Raises `OSError`,
    and leaves nothing then."""
    name = _NOT_IN_A_NAME.sub("_", Path(file_name.replace("\\", "/")).name).lstrip(".")[-80:]
    folder = ctx.settings.home / _FOLDER / uuid.uuid4().hex
    folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.mkdir(mode=0o700)
    path = folder / (name or "file")
    try:
        with os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
            shutil.copyfileobj(source, file)
    except BaseException:
        discard(path)
        raise
    return path


def discard(path: Path) -> None:
    """Delete the file of an upload that came to nothing."""
    shutil.rmtree(path.parent, ignore_errors=True)


def keep(
    ctx: Context, name: str, path: Path, kind: ImportKind, by: str, as_of: datetime | None
) -> Upload:
    """Have a file loaded that has arrived. It takes the place of one that waits for an answer.

    Raises `UploadError` while another file of the registry waits or is loaded.
    """
    upload = Upload(
        path.parent.name, path.name, kind, by, ctx.now().isoformat(),
        as_of.isoformat() if as_of else "",
    )  # fmt: skip
    with ctx.store.write() as connection:
        before = of(connection, name, lock=True)
        if before is not None and before.is_open:
            raise UploadError(f"a file of {name} is being loaded already; wait until that is done")
        _put(connection, name, upload)
    if before is not None:
        _delete_file(ctx, before)
    return upload


def accept(ctx: Context, name: str, upload_id: str, by: str) -> Upload:
    """Have the file loaded that stopped at the guard, whatever it takes off the list.

    Raises `UploadError` where it is another file by now, or the list has changed since.
    """
    with ctx.store.write() as connection:
        upload = of(connection, name, lock=True)
        if upload is None or upload.id != upload_id or upload.state != UploadState.ASKS:
            raise UploadError("this file no longer waits for a decision; reload the page")
        if _generation(connection, name) != upload.generation:
            raise UploadError("the list has changed since this file stopped; upload it again")
        upload = replace(upload, state=UploadState.WAITING, accepted=by)
        _put(connection, name, upload)
        return upload


def of(connection: Connection, name: str, lock: bool = False) -> Upload | None:
    """Return the upload of a registry that waits, is loaded, asks or has failed."""
    query = sa.select(app_state.c.value).where(app_state.c.name == _ROW + name)
    value = connection.scalar(query.with_for_update() if lock else query)
    return _from_json(value) if value is not None else None


def any_due(ctx: Context) -> bool:
    """Return whether a file waits for a worker, or its worker died."""
    try:
        imports.settle_own(ctx)
    except Exception as error:
        if (fault := trouble(error)) is None:
            raise
        log.warning("an import is still not settled: %s", fault.line)
    with ctx.store.read() as connection:
        return any(_is_due(ctx, upload) for _name, upload in _all(connection))


def load_due(ctx: Context, crms: Sequence[str]) -> int:
    """Load what waits; return how many files came into force. `crms`: that are told."""
    with ctx.store.read() as connection:
        known = list(_all(connection))
    loaded = 0
    for name, upload in known:
        if _is_due(ctx, upload) and (claimed := _claim(ctx, name, upload.id)) is not None:
            loaded += _load(ctx, name, claimed, crms)
        elif not upload.is_open and datetime.fromisoformat(upload.at) < ctx.now() - KEPT_FOR:
            _end(ctx, name, upload)
    return loaded


def _is_due(ctx: Context, upload: Upload) -> bool:
    if upload.state == UploadState.LOADING:
        if is_this_process(upload.owner):
            return upload.id not in _AT_WORK
        late = datetime.fromisoformat(upload.since) < ctx.now() - _DEAD_AFTER
        return late or not is_alive(upload.owner)
    return upload.state == UploadState.WAITING


def _claim(ctx: Context, name: str, upload_id: str) -> Upload | None:
    with ctx.store.write() as connection:
        upload = of(connection, name, lock=True)
        if upload is None or upload.id != upload_id or not _is_due(ctx, upload):
            return None
        since = ctx.now().isoformat()
        upload = replace(upload, state=UploadState.LOADING, owner=ctx.owner, since=since)
        _put(connection, name, upload)
        return upload


def _load(ctx: Context, name: str, upload: Upload, crms: Sequence[str]) -> bool:
    """Load a file that this process has claimed; return whether it came into force."""
    path = _path(ctx, upload)
    if not path.exists():
        why = (
            "no worker found the file: the web process and the workers need one HYGIENE_HOME on "
            "one disk; or import it on the command line"
        )
        _set(ctx, name, upload, state=UploadState.FAILED, question=why)
        return False
    as_of = datetime.fromisoformat(upload.as_of) if upload.as_of else None
    request = ImportRequest(
        name, (path,), upload.kind, upload.accepted or upload.by, as_of, bool(upload.accepted)
    )
    _AT_WORK.add(upload.id)
    try:
        imports.import_files(ctx, request, crms)
    except ContactsNotToldError as error:
        log.warning("%s", error)  # the list is in force
    except ImportBusyError as error:
        log.info("%s: the upload waits: %s", name, error)
        _set(ctx, name, upload, state=UploadState.WAITING)
        return False
    except RemovalsRefusedError as error:
        with ctx.store.read() as connection:
            generation = _generation(connection, name)
        asks = {"question": error.what, "generation": generation, "accepted": ""}
        _set(ctx, name, upload, state=UploadState.ASKS, **asks)
        return False
    except Exception as error:
        return _fail(ctx, name, upload, error)
    finally:
        _AT_WORK.discard(upload.id)
    _end(ctx, name, upload)
    return True


def _fail(ctx: Context, name: str, upload: Upload, error: Exception) -> bool:
    """Have a file wait that the database did not take just now; say of another one why it was not
    loaded, and delete it first: it may take the room that is missing. Raises what is a bug."""
    fault = None if isinstance(error, HygieneError) else trouble(error)
    if fault is not None and fault.passes:
        _set(ctx, name, upload, state=UploadState.WAITING)
        raise error
    _delete_file(ctx, upload)
    is_bug = fault is None and not isinstance(error, (HygieneError, OSError))
    why = fault.line if fault else str(error)
    if is_bug:
        why = f"an error of the worker, whose log says more ({place(error)})"
    _set(ctx, name, upload, state=UploadState.FAILED, question=why[:255])
    if is_bug:
        raise error
    log.warning("%s: the uploaded file was not loaded: %s", name, why)
    return False


def sweep(ctx: Context) -> int:
    """Delete files that no row knows: the web process was killed while they arrived. Return how
    many there were."""
    folder = ctx.settings.home / _FOLDER
    with ctx.store.read() as connection:
        known = {upload.id for _name, upload in _all(connection)}
    old = (ctx.now() - _ORPHAN_AFTER).timestamp()
    swept = 0
    for entry in folder.iterdir() if folder.is_dir() else ():
        with suppress(FileNotFoundError):
            if entry.name not in known and entry.stat().st_mtime < old:
                shutil.rmtree(entry, ignore_errors=True)
                swept += 1
    return swept


def _set(ctx: Context, name: str, upload: Upload, **values: Any) -> None:
    with ctx.store.write() as connection:
        known = of(connection, name, lock=True)
        if known is not None and (known.id, known.owner) == (upload.id, upload.owner):
            _put(connection, name, replace(upload, **values))


def _end(ctx: Context, name: str, upload: Upload) -> None:
    with ctx.store.write() as connection:
        known = of(connection, name, lock=True)
        if known is None or known.id == upload.id:
            connection.execute(sa.delete(app_state).where(app_state.c.name == _ROW + name))
    _delete_file(ctx, upload)


def _put(connection: Connection, name: str, upload: Upload) -> None:
    upsert(
        connection, app_state,
        [{"name": (_ROW + name)[:80], "value": orjson.dumps(asdict(upload)).decode()}],
    )  # fmt: skip


def _all(connection: Connection) -> list[tuple[str, Upload]]:
    c = app_state.c
    query = sa.select(c.name, c.value).where(c.name.startswith(_ROW, autoescape=True))
    return [
        (row.name.removeprefix(_ROW), _from_json(row.value)) for row in connection.execute(query)
    ]


def _from_json(value: str) -> Upload:
    fields: dict[str, Any] = orjson.loads(value)
    return Upload(**fields | {"state": UploadState(fields["state"])})


def _generation(connection: Connection, name: str) -> int:
    r = registries.c
    return connection.scalar(sa.select(r.generation).where(r.name == name)) or 0


def _path(ctx: Context, upload: Upload) -> Path:
    return ctx.settings.home / _FOLDER / upload.id / upload.file


def _delete_file(ctx: Context, upload: Upload) -> None:
    discard(_path(ctx, upload))
