"""How the files of registries are written: one module for each format.

A format is a function that reads a file as lines, each a number and what happened to it. To add
one: write its module, name it in `config.registries.RegistryFormat`, and list it in `READERS`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from config.registries import RegistryFormat
from worker.registries.formats import ftc, mapped_csv, tps
from worker.registries.formats.model import Reader

READERS: Final[Mapping[RegistryFormat, Reader]] = {
    "csv": mapped_csv.read,
    "ftc": ftc.read,
    "tps": tps.read,
}
