"""Lists with an authority: how old each is, how many numbers it holds, and what its files did.

An admin uploads a file, which a worker loads (`worker.registries.uploads`), and answers the
question where one stopped at the guard. Larger files are imported on the command line.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from fastapi import APIRouter, BackgroundTasks, HTTPException, Request
from fastapi.responses import RedirectResponse, Response
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile

from worker.access import audit
from worker.access.model import Person
from worker.context import Context
from worker.registries import uploads
from worker.registries.history import imports_of
from worker.registries.model import ImportState, Registry, UnknownRegistryError, load_all, load_one
from worker.registries.uploads import UploadError, UploadState
from worker.web.auth import AdminForm, Form, Viewer, check_form, reason_in, require_admin
from worker.web.limits import LARGEST_UPLOAD
from worker.web.queue import Queue
from worker.web.render import page

_MOST_FIELDS, _LARGEST_FIELD = 20, 4096  # beside the file; bytes
_KINDS = {"whole": "whole list", "changes": "changes"}


def router(ctx: Context, queue: Queue) -> APIRouter:
    """Return the routes of the pages of registries. Each is a function inside that shares the
    context."""
    routes = APIRouter(prefix="/registries", include_in_schema=False)

    @routes.get("")
    def listed(request: Request, me: Viewer) -> Response:
        with ctx.store.read() as connection:
            found = load_all(connection, ctx.settings)
            entries = [
                _shown(ctx, each, imports_of(connection, each), uploads.of(connection, each.name))
                for each in found
            ]
        return page(request, "registries.html", me, here="suppressions", entries=entries)

    @routes.get("/{name}")
    def show(request: Request, me: Viewer, name: str) -> Response:
        registry = _find(ctx, name)
        with ctx.store.read() as connection:
            history = imports_of(connection, registry)
            upload = uploads.of(connection, name)
        return page(
            request, "registry.html", me, here="suppressions", history=history, kinds=_KINDS,
            largest=LARGEST_UPLOAD >> 20, today=ctx.now().astimezone(),
            **_shown(ctx, registry, history, upload),
        )  # fmt: skip

    @routes.post("/{name}/upload")
    async def upload(
        request: Request, me: Viewer, name: str, background: BackgroundTasks
    ) -> Response:
        """Who sends it is known before the body is read, and the form before its file is kept."""
        require_admin(me)
        registry = await run_in_threadpool(_find, ctx, name)
        if registry.settings is None:
            raise HTTPException(409, "The settings no longer name this registry.")
        try:
            async with request.form(
                max_files=1, max_fields=_MOST_FIELDS, max_part_size=_LARGEST_FIELD
            ) as sent:
                form = {key: value for key, value in sent.items() if isinstance(value, str)}
                check_form(request, me, form)
                await run_in_threadpool(_keep, ctx, me, name, form, _file_in(sent))
        except OSError as error:  # a full disk
            what = error.strerror or "it cannot be written"
            raise HTTPException(507, f"The file could not be stored: {what}.") from None
        background.add_task(queue.uploads)
        return RedirectResponse(f"/registries/{name}", 303, background=background)

    @routes.post("/{name}/accept")
    def accept(admin: AdminForm, name: str, background: BackgroundTasks) -> Response:
        """Load the file that stopped at the guard, whatever it takes off the list."""
        me, form = admin
        _find(ctx, name)
        why = reason_in(form)
        with ctx.store.read() as connection:
            asked = uploads.of(connection, name)
        try:
            uploads.accept(ctx, name, form.get("upload", ""), me.name)
        except UploadError as error:
            raise _conflict(error) from None
        target = f"{name}: {asked.question}" if asked else name
        audit.note(ctx.store, ctx.now(), me.name, "registry.accept", target, why)
        background.add_task(queue.uploads)
        return RedirectResponse(f"/registries/{name}", 303)

    return routes


def _find(ctx: Context, name: str) -> Registry:
    with ctx.store.read() as connection:
        try:
            return load_one(connection, ctx.settings, name)
        except UnknownRegistryError:
            raise HTTPException(404, "There is no such registry.") from None


def _file_in(sent: FormData) -> UploadFile:
    file = sent.get("file")
    if not isinstance(file, UploadFile) or not file.filename:
        raise HTTPException(422, "Choose a file.")
    if not file.size:
        raise HTTPException(422, "The file is empty.")
    if file.size > LARGEST_UPLOAD:
        raise HTTPException(413, f"The file is larger than {LARGEST_UPLOAD >> 20} MB.")
    return file


def _keep(ctx: Context, me: Person, name: str, form: Form, file: UploadFile) -> None:
    kind, as_of = _kind_in(form), _day_in(ctx, form)
    path = uploads.store(ctx, file.filename or "", file.file)
    try:
        uploads.keep(ctx, name, path, kind, me.name, as_of)
    except BaseException as error:
        uploads.discard(path)
        if isinstance(error, UploadError):
            raise _conflict(error) from None
        raise
    target = f"{name}: {path.name}, {_KINDS[kind]}"
    audit.note(ctx.store, ctx.now(), me.name, "registry.upload", target)


def _conflict(error: UploadError) -> HTTPException:
    text = str(error)
    return HTTPException(409, f"{text[:1].upper()}{text[1:]}.")


def _kind_in(form: Form) -> Literal["whole", "changes"]:
    match form.get("kind", ""):
        case "whole":
            return "whole"
        case "changes":
            return "changes"
    raise HTTPException(
        422, "Choose what the file is: the whole list, or what was added and removed."
    )


def _day_in(ctx: Context, form: Form) -> datetime | None:
    """Return when the authority made the file; None for today. A day ends west of us hours later:
    the older age is the safe one."""
    text = form.get("as_of", "")
    if not text:
        return None
    try:
        day = datetime.strptime(text, "%Y-%m-%d").astimezone()
    except ValueError:
        raise HTTPException(422, "Give the day of the file as 2026-11-29.") from None
    if day > ctx.now():
        raise HTTPException(422, "The day of the file is in the future.")
    return day


def _shown(
    ctx: Context, registry: Registry, history: list[dict[str, Any]], upload: uploads.Upload | None
) -> dict[str, Any]:
    """Return what the pages show of a registry. `last`: the last import that counted; `question`:
    the latest one, if it was refused and nothing was imported since; `asks`: whether the file that
    was uploaded can be confirmed."""
    done = (ImportState.DONE, ImportState.IN_FORCE)
    latest = history[0] if history else None
    return {
        "registry": registry,
        "stale": registry.is_stale(ctx.now()),
        "days": (ctx.now() - registry.as_of).days if registry.as_of else None,
        "last": next((each for each in history if each["state"] in done), None),
        "question": latest if latest and latest["state"] == ImportState.REFUSED else None,
        "upload": upload,
        "asks": upload is not None
        and upload.state == UploadState.ASKS
        and upload.generation == registry.generation,
    }
