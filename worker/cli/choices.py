"""Choices on the command line: what is close to a wrong word, and what a shell completes."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

if TYPE_CHECKING:
    _ParamType = click.ParamType[str]
    _Choice = click.Choice[str]
else:
    _ParamType = click.ParamType  # no generic classes in older versions
    _Choice = click.Choice


def did_you_mean(given: str, known: Iterable[str]) -> str:
    """Return a sentence that offers the known words closest to a wrong one, or "".

    >>> did_you_mean("hubspt", ("salesforce", "hubspot", "csv"))
    ' Did you mean hubspot?'
    >>> did_you_mean("zzz", ("salesforce", "hubspot", "csv"))
    ''
    """
    near = difflib.get_close_matches(given.lower(), list(known), n=2)
    return f" Did you mean {' or '.join(near)}?" if near else ""


class Choice(_Choice):
    """One of a few words. A wrong one gets the closest as a suggestion."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        try:
            return str(super().convert(value, param, ctx))
        except click.BadParameter:
            words = [str(word) for word in self.choices]
            raise click.BadParameter(
                f"'{value}' is not one of {', '.join(words)}.{did_you_mean(str(value), words)}",
                ctx=ctx, param=param,
            ) from None  # fmt: skip


class Segment(_ParamType):
    """KEY=VALUE, which names a segment; completes the keys. Converts to the text as given."""

    name = "segment"

    def __init__(self, keys: tuple[str, ...]) -> None:
        self.keys = keys

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        key, equals, _ = str(value).partition("=")
        if not equals or key not in self.keys:
            raise click.BadParameter(
                f"write KEY=VALUE, such as source=Web; KEY is one of {', '.join(self.keys)}."
                f"{did_you_mean(key, self.keys)}",
                ctx=ctx, param=param,
            )  # fmt: skip
        return str(value)

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        # No space after "=": bash then goes on with the value.
        return [CompletionItem(f"{key}=") for key in self.keys if f"{key}=".startswith(incomplete)]


class RunId(_ParamType):
    """The id of a run, or its beginning; completes the latest runs."""

    name = "run"

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Return the latest runs; none if the database cannot be read. A completion neither
        creates a home nor says anything."""
        from worker.cli.recent_runs import recent_runs

        return [
            CompletionItem(run_id, help=about)
            for run_id, about in recent_runs()
            if run_id.startswith(incomplete)
        ]
