"""What a test needs, found from what it uses, and the markers that follow from it.

| marker | selects tests that |
| --- | --- |
| `unit` | need none of the things below, and no sandbox or database either |
| `slow` | start processes: a command, a worker, beat, Redis, node; or try thousands of examples |
| `postgres` | work in a PostgreSQL database |
| `browser` | look at pages in Chromium |

A test uses its fixtures, and every function, class and module that its code and theirs name, as
far as that code belongs to the tests. A test that is slow for another reason says so itself with
`@pytest.mark.slow`. What product code does inside cannot be seen that way: `nothing_from_outside`
watches a unit test while it runs, and fails it if the mark is wrong.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from threading import get_ident
from types import CodeType, FunctionType, ModuleType
from typing import Any

import pytest

_TESTS = Path(__file__).resolve().parent.parent
_MARKERS = ("slow", "postgres", "browser")
# What a test names, or the module in which that was made -> what it needs.
BY_MODULE = {
    "subprocess": "slow", "psutil": "slow", "chaos.postgres": "slow", "forking": "slow",
    "worker.store.embedded_redis": "slow", "worker.store.redis_server": "slow",
    "worker.cli.supervisor": "slow", "worker.cli.demo": "slow", "playwright": "browser",
    "sandbox": "outside", "requests": "outside", "socket": "outside", "sqlalchemy": "outside",
    "sqlite3": "outside", "click.testing": "outside", "worker.store": "outside",
    "worker.context": "outside", "worker.verification.rate_limit.SharedPace": "outside",
    "worker.queue.beat": "outside",  # from Python 3.13 on its schedule is a file of SQLite
}  # fmt: skip
# A fixture -> what it needs. Fixtures that these use need not be listed.
_BY_FIXTURE = {
    "chromium": "browser", "start": "slow",
    "postgres_template": "postgres", "shared_database": "postgres",
    "postgres_database_url": "postgres",
    "sandbox": "outside", "bare_sandbox": "outside", "empty_database": "outside",
}  # fmt: skip
_BY_FUNCTION = {"postgres_server": "postgres"}  # of tests/conftest.py
# Events of https://docs.python.org/3/library/audit_events.html that a unit test must not cause.
_FORBIDDEN = {
    "subprocess.Popen": "starts a process", "os.fork": "starts a process",
    "os.posix_spawn": "starts a process", "sqlite3.connect": "opens a database",
    "socket.connect": "opens a connection",
}  # fmt: skip


def mark(item: pytest.Item) -> None:
    """Give a collected test the markers that say what it needs."""
    needs = _needs_of(item)
    for name in _MARKERS:
        if name in needs and item.get_closest_marker(name) is None:
            item.add_marker(name)
    if not needs and not any(item.get_closest_marker(name) for name in _MARKERS):
        item.add_marker("unit")


def _needs_of(item: pytest.Item) -> set[str]:
    function = getattr(item, "function", None)
    if function is None:  # a doctest
        return set()
    values = list(getattr(getattr(item, "callspec", None), "params", {}).values())
    fixtures = item._fixtureinfo.name2fixturedefs  # type: ignore[attr-defined]
    needs = {_BY_FIXTURE[name] for name in fixtures if name in _BY_FIXTURE}
    used = [
        function,
        *values,
        *(f.func for definitions in fixtures.values() for f in definitions[-1:]),
    ]
    for target in used:
        needs |= _needs_of_code(target)
    if "sqlite" in values:  # of the two databases that a fixture offers
        needs.discard("postgres")
    return needs


@cache
def _reached(start: Any) -> frozenset[Any]:
    """The functions, classes and modules that some code of the tests names, and they in turn."""
    seen: set[Any] = set()
    waiting = [start]
    while waiting:
        target = waiting.pop()
        if target in seen:
            continue
        seen.add(target)
        if _is_ours(target) or target is start:
            waiting += _named_by(target)
    return frozenset(seen)


def _needs_of_code(start: Any) -> frozenset[str]:
    if not isinstance(start, FunctionType | type):
        return frozenset()
    return _needs_of_reached(start)


@cache  # thousands of tests share their fixtures
def _needs_of_reached(start: Any) -> frozenset[str]:
    return frozenset(need for target in _reached(start) for need in _needs_by_name(target))


@cache
def _needs_by_name(target: Any) -> tuple[str, ...]:
    return tuple(_find_needs(target))


def _find_needs(target: Any) -> Iterator[str]:
    if isinstance(target, str):
        module = target
    else:
        module = (
            target.__name__
            if isinstance(target, ModuleType)
            else f"{target.__module__}.{target.__name__}"
        )
    for name, need in BY_MODULE.items():
        if module == name or module.startswith(f"{name}."):
            yield need
    if isinstance(target, str) and target in _BY_FIXTURE:
        yield _BY_FIXTURE[target]
    elif _is_ours(target) and target.__name__ in _BY_FUNCTION:
        yield _BY_FUNCTION[target.__name__]


@cache
def _is_ours(target: Any) -> bool:
    if isinstance(target, ModuleType | str):
        return False
    module = sys.modules.get(target.__module__ or "")
    return _TESTS in Path(getattr(module, "__file__", None) or "/").parents


def _named_by(target: Any) -> Iterator[Any]:
    """What the code of a function, or of a class's methods, names."""
    if isinstance(target, type):
        yield from (base for base in target.__mro__[1:] if base is not object)
        for value in vars(target).values():
            inner = getattr(value, "__func__", getattr(value, "fget", value))
            yield from [inner] if isinstance(inner, FunctionType) else []
        return
    if given := getattr(target, "hypothesis", None):
        yield given.inner_test
    for cell in target.__closure__ or ():  # hypothesis's state machines
        if isinstance(cell.cell_contents, FunctionType | type):
            yield cell.cell_contents
    known = target.__globals__
    for name in _names(target.__code__):
        value = known.get(name)
        if isinstance(value, FunctionType | type | ModuleType):
            yield value
        elif "." in name:  # an import inside the function
            yield name
    yield from (
        name for name in _strings(target.__code__) if name in _BY_FIXTURE
    )  # getfixturevalue


def _names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield from _names(inner)


def _strings(code: CodeType) -> Iterator[str]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _strings(constant)
        elif isinstance(constant, str):
            yield constant


class _Watch:
    """Sees what this process does, through one audit hook: those cannot be taken out again."""

    def __init__(self) -> None:
        self.thread = 0  # whose doings are seen; 0: nobody's
        self.seen: list[str] = []
        sys.addaudithook(self._hook)

    def _hook(self, event: str, _arguments: tuple[Any, ...]) -> None:
        if event in _FORBIDDEN and self.thread == get_ident():
            self.seen.append(f"{_FORBIDDEN[event]} ({event})")


@cache
def _watch() -> _Watch:
    return _Watch()


@contextmanager
def nothing_from_outside() -> Iterator[None]:
    """Fail what runs inside if it starts a process, opens a database or makes a connection."""
    watch = _watch()
    watch.seen.clear()
    watch.thread = get_ident()
    try:
        yield
    finally:
        watch.thread = 0
    if watch.seen:
        pytest.fail(
            f"a test marked unit {watch.seen[0]}: use a fixture that says so, or teach "
            "tests/support/needs.py to see it",
            pytrace=False,
        )
