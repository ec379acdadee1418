"""Files of the UK's Telephone Preference Service and of its corporate one (TPS, CTPS).

A full file holds one national number a line, twelve characters: the dialling code of five, with a
blank where it is shorter, and the rest of seven; or both without a space, and blanks behind.
Nothing else stands there. Source: "Technical Specifications for File Formats",
http://corporate.mpsonline.org.uk/shared/technical_desc.asp?context=CTPS

How a change file says what it adds and removes is not told there: import such a one by the
columns of the csv format. Calls must not be made to a number 28 days after it was registered
(Privacy and Electronic Communications Regulations 2003, regulation 21(3)).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from config.registries import RegistrySettings
from worker.registries.formats.model import Line, text_lines

_DIGITS = re.compile(rb"0([1-9]\d{8,9})")  # nine digits: a few old local numbers


def read(path: Path, settings: RegistrySettings) -> Iterator[Line]:
    """Yield the numbers of a full file."""
    del settings  # the format has no choices
    match = _DIGITS.fullmatch
    for text in text_lines(path):
        found = match(text.replace(b" ", b""))
        yield Line(None if found is None else int(b"44" + found[1]))
