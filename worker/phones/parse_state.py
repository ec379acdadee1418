"""What the chunks of a phone field have given so far, while it is read."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from msgspec.structs import replace

from worker.phones.chunks import Chunk
from worker.phones.model import Number
from worker.phones.number_parser import group_lengths
from worker.phones.trunk_prefixes import begins_as_dialled

_DIGITS = re.compile(r"\D")


@dataclass
class ParseState:
    """What the chunks of a field have given so far. `spans`: places of the numbers in the text."""

    text: str
    chunks: Sequence[Chunk]
    numbers: list[Number] = field(default_factory=list)
    spans: list[tuple[int, int]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    doubtful: Number | None = None  # not valid, kept for what it can say
    in_list: bool = False  # several last groups stand beside each other
    has_extension: bool = False  # the last number has one: short forms would be more of these
    pieces: tuple[tuple[str, str], ...] = ()  # each E.164, and what it was read from
    typed: str = ""  # the text of the last number that was no short form

    def add(self, number: Number, start: int, end: int, typed: str = "") -> None:
        self.typed = typed or self.typed
        if typed:
            self.pieces += ((number.e164, typed),)
        if all((number.e164, number.extension) != (n.e164, n.extension) for n in self.numbers):
            self.numbers.append(number)
        self.spans.append((start, end))
        self.has_extension = bool(number.extension)

    def set_extension(self, extension: str) -> None:
        if extension:
            self.numbers[-1] = replace(self.numbers[-1], extension=extension)
            self.has_extension = True

    def is_group(self, chunk: Chunk) -> bool:
        """Whether a chunk is as long as the last groups of the number before, and not all of it."""
        if not self.typed:
            return False
        whole = len(_DIGITS.sub("", self.typed))
        return len(chunk.digits) in group_lengths(self.typed) - {whole}

    @property
    def is_complete(self) -> bool:
        """Whether all digits are those of numbers that exist."""
        is_read = len(self.spans) >= len(self.chunks) or all(
            any(start <= chunk.start and chunk.end <= end for start, end in self.spans)
            for chunk in self.chunks
        )
        return is_read and bool(self.numbers) and all(number.valid for number in self.numbers)

    @property
    def e164s(self) -> set[str]:
        return {number.e164 for number in self.numbers if number.valid}

    def begins_as_dialled(self, region: str | None) -> bool:
        """Whether a number was typed with what is dialled before it."""
        return any(begins_as_dialled(typed, region) for _, typed in self.pieces)

    @property
    def last(self) -> Number | None:
        return self.numbers[-1] if self.numbers else None
