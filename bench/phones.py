"""What reading a phone field costs, against the bare library: `python -m bench.phones`.

Bare: parse, is_valid_number, number_type and format_number of `phonenumbers` for each field. Ours:
`parse_field`, with its memory of numbers emptied before each round. Fields with words or other
marks in them (two in five) are measured too, without the library, which gives most of them up.
"""

from __future__ import annotations

import re
import statistics
import time
from collections.abc import Callable

import phonenumbers

from bench.results import record
from sandbox.population import people
from worker.phones import parse_field, region_of
from worker.phones.metadata import clear_cache

_PLAIN = re.compile(r"[+\d ().-]+", re.ASCII)
_ROUNDS = 7


def fields(contacts: int = 6_000) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """Return the (text, region) of plain fields, and of all others."""
    plain: list[tuple[str, str]] = []
    others: list[tuple[str, str]] = []
    for someone in people(3, contacts):
        region = region_of(someone.country) or "US"
        for text in filter(None, someone.phones):
            (plain if _PLAIN.fullmatch(text) else others).append((text, region))
    return plain, others


def baseline(plain: list[tuple[str, str]]) -> None:
    for text, region in plain:
        try:
            number = phonenumbers.parse(text, region)
        except phonenumbers.NumberParseException:
            continue
        phonenumbers.is_valid_number(number)
        phonenumbers.number_type(number)
        phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def ours(plain: list[tuple[str, str]]) -> None:
    clear_cache()
    for text, region in plain:
        parse_field(text, region)


def seconds(work: Callable[[list[tuple[str, str]]], None], plain: list[tuple[str, str]]) -> float:
    start = time.process_time()
    work(plain)
    return time.process_time() - start


def main() -> None:
    plain, others = fields()
    rounds = [(seconds(baseline, plain), seconds(ours, plain)) for _ in range(_ROUNDS)]
    low, high = (statistics.median(times) / len(plain) * 1e6 for times in zip(*rounds, strict=True))
    ratio = statistics.median(mine / theirs for theirs, mine in rounds)
    print(f"{len(plain):,} plain fields: bare {low:.1f} us, parse_field {high:.1f} us a field")
    print(f"ratio {ratio:.2f} (at most 1.25)")
    record("phones", "plain field, ours", high, "µs", "the regular expressions of the fast path")
    record("phones", "plain field, bare library", low, "µs", "phonenumbers")
    least = min(seconds(ours, others) for _ in range(_ROUNDS)) / len(others) * 1e6
    print(f"{len(others):,} other fields: parse_field {least:.1f} us a field")
    record("phones", "other field, ours", least, "µs", "phonenumbers, and the words around numbers")


if __name__ == "__main__":
    main()
