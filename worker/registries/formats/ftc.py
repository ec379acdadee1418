"""Files of the US National Do Not Call Registry (FTC), as flat text.

A full list holds one area code and telephone number a line, separated by a comma (`415,5552671`);
a change list holds several items a line, separated by commas: area code, number, when it was
changed, and whether it was added or deleted. Files are compressed, one for each area code or state,
or one for all. Sources: "Telemarketer Access Information" of the FTC (2003, archived:
https://webarchive.library.unt.edu/eot2008/20090118211551/http://www.ftc.gov/opa/2003/08/tmkraccessinfo.htm)
and http://www.dontphoneme.com/howtoguides/downloadingdnc.html.

Neither tells the order of a change list's last two items, nor was one at hand: whichever item is an
A or a D says what happened, and the time is not needed. A line in a change list without either
says nothing, and is refused. XML files are not read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from config.registries import RegistrySettings
from worker.registries.formats.model import Action, Line, text_lines

_LINE = re.compile(rb'"?([2-9]\d\d)"?[,\s-]?"?(\d{3})-?(\d{4})"?((?:,.*)?)')
_ACTIONS: dict[bytes, Action] = {b"A": "add", b"D": "remove"}


def read(path: Path, settings: RegistrySettings) -> Iterator[Line]:
    """Yield the numbers of a file, full or a change list."""
    del settings  # the format has no choices
    match = _LINE.fullmatch
    for text in text_lines(path):
        found = match(text)
        if found is None:
            yield Line(None)
            continue
        area, exchange, station, rest = found.groups()
        number = int(b"1" + area + exchange + station)
        yield Line(number, _action(rest)) if rest else Line(number)


def _action(rest: bytes) -> Action:
    for item in rest.split(b","):
        if action := _ACTIONS.get(item.strip(b' "').upper()):
            return action
    return ""
