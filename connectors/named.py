"""Give a connector the name of its connection.

A connector's code knows its kind: `salesforce: ... set SALESFORCE_LOGIN_URL`. Where an installation
has several connections of a kind, whatever it tells an operator must name the right one. That is
done here, at the one border that all of it passes, for our connectors and for those of other
packages alike: the connection's class is derived from the connector's, and each method of the
protocol has the texts of its errors and findings renamed (`config.connections.in_words_of`), and
of what it logs (`config.connections.working_for`).
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from config.connections import in_words_of, working_for
from config.errors import HygieneError
from config.section import SettingsError
from connectors.protocol import Connector
from connectors.records import Caution, ProbeResult, SchemaProblem, SetupResult, Visibility

# Records with a text for an operator, and the field that it is in.
_TEXT_OF: dict[type, str] = {
    SchemaProblem: "problem", SetupResult: "note", Caution: "text", ProbeResult: "seen",
    Visibility: "advice",
}  # fmt: skip


def give_name(opened: Connector, name: str) -> None:
    """Make an open connector that of the connection `name`, in place."""
    opened.__class__ = _class_of(type(opened), name)
    opened.name = name


@contextmanager
def renamed_errors(name: str) -> Iterator[None]:
    """Rename what is raised within, in place, so that it stays the same error."""
    try:
        yield
    except HygieneError as error:
        error.args = tuple(in_words_of(name, a) if isinstance(a, str) else a for a in error.args)
        if isinstance(error, SettingsError):
            error.problems = tuple(in_words_of(name, line) for line in error.problems)
        raise


@functools.cache
def _class_of(connector: type, name: str) -> type:
    methods = {
        method: _renaming(getattr(connector, method), name)
        for method in dir(Connector)
        if not method.startswith("_") and callable(getattr(connector, method, None))
    }
    return type(connector.__name__, (connector,), methods)


def _renaming(method: Callable[..., Any], name: str) -> Callable[..., Any]:
    @functools.wraps(method)
    def renaming(*args: Any, **kwargs: Any) -> Any:
        with working_for(name), renamed_errors(name):
            result = method(*args, **kwargs)
        if isinstance(result, Iterator):
            return _each_renamed(result, name)
        if isinstance(result, list) and result and type(result[0]) in _TEXT_OF:
            return [_renamed(entry, name) for entry in result]
        return result

    return renaming


def _each_renamed(results: Iterator[Any], name: str) -> Iterator[Any]:
    while True:
        # For each step anew: between two of them the reader may work for another connection.
        with working_for(name), renamed_errors(name):
            try:
                result = next(results)
            except StopIteration:
                return
        yield _renamed(result, name)


def _renamed(result: Any, name: str) -> Any:
    field = _TEXT_OF.get(type(result))
    if field is None:
        return result
    return replace(result, **{field: in_words_of(name, getattr(result, field))})
