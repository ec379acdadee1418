"""What a format makes of a file."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, NamedTuple, Protocol

from config.registries import RegistrySettings

Action = Literal["", "add", "remove"]  # "": the line does not say; its number is on the list


class Line(NamedTuple):
    """A line of a file. `number`: E.164 without its plus; None: it cannot be read."""

    number: int | None
    action: Action = ""


class Reader(Protocol):
    """Reads a file of a registry, a line at a time, without holding it in memory."""

    def __call__(self, path: Path, settings: RegistrySettings) -> Iterator[Line]: ...


def text_lines(path: Path) -> Iterator[bytes]:
    """Yield the lines of a text file that are not empty; of a ZIP archive, those of all its files.

    Registries hand their downloads out compressed.
    """
    if not zipfile.is_zipfile(path):
        with path.open("rb") as file:
            yield from filter(None, map(bytes.strip, file))
        return
    with zipfile.ZipFile(path) as archive:
        for name in sorted(archive.namelist()):
            with archive.open(name) as member:
                yield from filter(None, map(bytes.strip, member))
