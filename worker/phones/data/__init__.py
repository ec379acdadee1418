"""Tables that people keep by hand, with sources: one CSV file each.

`sources.csv` says for each key where it was published: `primary` is a regulator, an operator, the
ITU or the maker of what is described; `secondary` is anybody who reports it.
"""

from __future__ import annotations

import csv
from importlib.resources import files


def read_table(name: str) -> list[dict[str, str]]:
    """Read a table of this folder, a dictionary a row."""
    text = (files(__name__) / f"{name}.csv").read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))
