"""What FastAPI made for the web application of one test serves the applications after it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import CodeType, FunctionType
from typing import Any, TypeGuard

from fastapi import routing
from fastapi._compat import v2
from fastapi.dependencies import models, utils
from fastapi.dependencies.models import Dependant
from pydantic import TypeAdapter

# The lists of a dependant, which FastAPI appends to while it puts a route together.
_LISTS = (
    "path_params", "query_params", "header_params", "cookie_params", "body_params", "dependencies",
)  # fmt: skip


def share_built() -> None:
    """Give all web applications of this process one set of pydantic schemas, and one analysis of
    each endpoint. Both took nine tenths of the time in which a test starts its application."""
    _share_schemas()
    _share_dependants()
    _share_kinds()
    _share_answers()


def _share_schemas() -> None:
    """FastAPI builds one for each parameter and each answer of a route."""
    built: dict[tuple[Any, str], TypeAdapter[Any]] = {}

    def adapter(annotated: Any, *, config: Any = None) -> TypeAdapter[Any]:
        details = f"{annotated.__metadata__!r} {config!r}"
        try:
            key = (annotated.__origin__, details)
            built_adapter = built.get(key)
        except TypeError:  # a type that has no hash
            return TypeAdapter(annotated, config=config)
        if built_adapter is None:
            built_adapter = built[key] = TypeAdapter(annotated, config=config)
        return built_adapter

    v2.TypeAdapter = adapter  # type: ignore[assignment, misc]


def _share_dependants() -> None:
    """FastAPI reads the signature of each endpoint, and of what it depends on, twice an
    application. Our endpoints are functions inside a function, made anew for each application: what
    is read of them depends on their code and their defaults alone, since their annotations name
    what is in their modules."""
    analyse = utils.get_dependant
    # The defaults are kept, so that no other object gets their ids.
    known: dict[tuple[Any, ...], tuple[Dependant, Any]] = {}

    def get_dependant(*, path: str, call: Callable[..., Any], **how: Any) -> Dependant:
        if not _is_plain(call):
            return analyse(path=path, call=call, **how)
        key = (path, *_code_of(call), *(f"{name}={value!r}" for name, value in how.items()))
        found = known.get(key)
        if found is None:
            kept = call.__defaults__, call.__kwdefaults__
            found = known[key] = (analyse(path=path, call=call, **how), kept)
        first = found[0]
        lists = {name: list(getattr(first, name)) for name in _LISTS}
        return replace(first, call=call, **lists)

    utils.get_dependant = get_dependant
    routing.get_dependant = get_dependant  # type: ignore[attr-defined]


def _share_kinds() -> None:
    """Ask once for the code of an endpoint whether it is a coroutine or a generator. FastAPI asks
    for each function, and keeps the last 4,096 of them, with the applications that they serve."""
    for name in ("gen", "async_gen", "coroutine"):
        _share_kind(f"_is_{name}_callable_cached")


def _share_kind(name: str) -> None:
    ask = getattr(models, name)
    known: dict[CodeType, bool] = {}

    def answer(identity: Any) -> bool:
        if not _is_plain(identity.call):
            return bool(ask(identity))
        code = identity.call.__code__
        if code not in known:
            known[code] = ask.__wrapped__(identity)
        return known[code]

    setattr(models, name, answer)


def _share_answers() -> None:
    """Read once what an endpoint returns, from its annotation, and make one field an answer."""
    read, make = routing.get_typed_return_annotation, routing.create_model_field  # type: ignore[attr-defined]
    returned: dict[Any, Any] = {}
    fields: dict[Any, Any] = {}

    def get_typed_return_annotation(call: Callable[..., Any]) -> Any:
        if not _is_plain(call):
            return read(call)
        key = call.__module__, call.__code__
        if key not in returned:
            returned[key] = read(call)
        return returned[key]

    def create_model_field(name: str, type_: Any, mode: Any = "validation", **more: Any) -> Any:
        key = (name, type_, mode)
        try:
            field = None if more else fields.get(key)
        except TypeError:  # a type that has no hash
            more["type_"] = type_
            return make(name=name, mode=mode, **more)
        if field is None:
            field = make(name=name, type_=type_, mode=mode, **more)
            if not more:
                fields[key] = field
        return field

    routing.get_typed_return_annotation = get_typed_return_annotation  # type: ignore[attr-defined]
    routing.create_model_field = create_model_field  # type: ignore[attr-defined]


def _is_plain(call: Callable[..., Any]) -> TypeGuard[FunctionType]:
    """Whether it is a function of which its code says all: nothing wraps it or marks it."""
    return isinstance(call, FunctionType) and not call.__dict__


def _code_of(call: FunctionType) -> tuple[Any, ...]:
    named = call.__kwdefaults__ or {}
    return (
        call.__module__,
        call.__code__,
        *map(id, call.__defaults__ or ()),
        *map(id, named.values()),
    )
