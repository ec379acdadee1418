"""Turn an answer of an unexpected form into one clear error.

A CRM's answer may differ from its documents: because of a proxy, a new version, a fault. Reading it
then fails somewhere deep. For the rest of the product, that CRM cannot be used just now, and one
line says so. Nothing was misread, and the work is resumed later.
"""

from __future__ import annotations

import csv
import functools
import inspect
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar, cast

from connectors.errors import UnavailableError

log = logging.getLogger(__name__)
F = TypeVar("F", bound=Callable[..., Any])

_MISREAD = (
    KeyError, IndexError, TypeError, AttributeError, ValueError, ArithmeticError, RecursionError,
    csv.Error,
)  # fmt: skip


def guards_response(method: F) -> F:
    """Make a connector's method that reads answers raise `UnavailableError` for an answer of an
    unexpected form."""
    if inspect.isgeneratorfunction(method):

        @functools.wraps(method)
        def generating(self: Any, *args: Any, **kwargs: Any) -> Iterator[Any]:
            with _reading(self.name):
                yield from method(self, *args, **kwargs)

        return cast(F, generating)

    @functools.wraps(method)
    def calling(self: Any, *args: Any, **kwargs: Any) -> Any:
        with _reading(self.name):
            result = method(self, *args, **kwargs)
        return _watched(self.name, result) if isinstance(result, Iterator) else result

    return cast(F, calling)


def _watched(name: str, results: Iterator[Any]) -> Iterator[Any]:
    with _reading(name):
        yield from results


@contextmanager
def _reading(name: str) -> Iterator[None]:
    try:
        yield
    except _MISREAD as error:
        log.exception("%s: an answer could not be read", name)
        raise UnavailableError(
            f"{name}: an answer has an unexpected form ({type(error).__name__}); if that "
            "goes on, check for a proxy in between, or for a newer version of this program"
        ) from error
