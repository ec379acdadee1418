"""Renumberings: what a number of an old numbering plan is today, and the other way round.

The table is `data/plan_changes.csv`, one change a line; `data/sources.csv` says where each was
documented. A rule applies only to a number that today's plan does not know, and only if its outcome
is one that the plan knows: a number that exists is never replaced by another.

A few old forms are over, but libphonenumber still calls them valid (Gabon, Korea's 011 to 019).
Their rules only `link`: they never replace a number, but both forms are equal where somebody looks
for what was said about it.

One country writes the numbers of today in two ways: an Argentine mobile number has a 9 behind +54
when it is called from abroad, and none in texts and on lists, though the ten digits behind it are
one line. Its rule is a `variant`: it never replaces a number either, and makes both forms equal for
what was said, but a provider's answer is about the form that was asked (`renumbered_forms`).

A few more are somebody else's number today, but people type that one in other groups: Ho Chi Minh
City's "(08) 3829 5001" and the mobile "083 829 5001". Their rules apply only where the old area
code stands `apart`; they make no forms equal.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache

from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, PhoneNumberType

from worker.phones import fast_parser
from worker.phones.data import read_table
from worker.phones.reserved import is_reserved

_CACHE_SIZE = 16_384
_MAX_DIGITS = 15  # of an E.164 number
# The pattern of a national number, and the template of another, for `str.format` with the groups.
_Form = tuple[str, str]
_PIECE = re.compile(r"(?P<literal>[0-9]+)|\((?P<group>[^()]+)\)|\\(?P<reference>[1-9])")


@dataclass(frozen=True, slots=True)
class PlanChange:
    """One change of a numbering plan.

    `old` is a pattern of the whole national number, made of digits and groups alone; `new` is what
    replaces it, made of digits and each group once (`\\1`): so a rule can be read backwards.
    `kind`: `mobile`, `fixed` or `all`. `applies`: to what is `unknown` today, as a `link`, as a
    `variant` (both forms are of today), or where the digits before the one group were typed `apart`
    from it.
    `effective`: when the new form was required (ISO date; the
    first of the month or year where the source tells no more). `source`: keys of `sources.csv`.
    `old_example`, `new_example`: national numbers.
    """

    code: int
    old: str
    new_code: int
    new: str
    kind: str
    applies: str
    effective: str
    source: str
    old_example: str
    new_example: str
    note: str

    def forward(self) -> _Form:
        """Return the pattern of an old national number, and the template of its new one."""
        return self.old, re.sub(r"\\([1-9])", lambda match: _field(int(match[1])), self.new)

    def backward(self) -> _Form:
        """Return the pattern of a new national number, and the template of its old one."""
        groups = re.findall(r"\([^()]+\)", self.old)
        order: list[int] = []
        pattern = template = ""
        for piece in _PIECE.finditer(self.new):
            if piece["reference"]:
                order.append(int(piece["reference"]))
                pattern += groups[order[-1] - 1]
            else:
                pattern += piece[0]
        number = 0
        for piece in _PIECE.finditer(self.old):
            if piece["group"]:
                number += 1
                template += _field(order.index(number) + 1)
            else:
                template += piece[0]
        return pattern, template


def _field(group: int) -> str:
    """Return what stands for a group, counted from 1, in a template."""
    return f"{{{group - 1}}}"


@cache
def plan_changes() -> tuple[PlanChange, ...]:
    """Load all changes, in the table's order."""
    return tuple(
        PlanChange(
            code=int(row["code"]),
            old=row["old"],
            new_code=int(row["new_code"] or row["code"]),
            new=row["new"],
            kind=row["kind"],
            applies=row["applies"],
            effective=row["effective"],
            source=row["source"],
            old_example=row["old_example"],
            new_example=row["new_example"],
            note=row["note"],
        )
        for row in read_table("plan_changes")
    )


class _Rules:
    """The changes of one country code, in one direction, as rules that rewrite national numbers.

    `forms`: (pattern, template) of each change. Patterns are compiled when they are needed: all of
    the table's, in both directions, take longer than a thousand fields.
    """

    def __init__(
        self, changes: list[tuple[int, PlanChange]], forms: Callable[[PlanChange], _Form]
    ) -> None:
        self._changes = changes
        self._forms = forms

    @cached_property
    def _rules(self) -> list[tuple[re.Pattern[str], int, str]]:
        forms = [(code, *self._forms(change)) for code, change in self._changes]
        return [(re.compile(pattern, re.ASCII), code, new) for code, pattern, new in forms]

    @cached_property
    def _any(self) -> re.Pattern[str]:
        """Most numbers fit no rule: one match tells."""
        patterns = (self._forms(change)[0] for _, change in self._changes)
        return re.compile("|".join(f"(?:{pattern})" for pattern in patterns), re.ASCII)

    def fits(self, national: str) -> bool:
        """Return whether any rule fits."""
        return self._any.fullmatch(national) is not None

    def outcomes(self, national: str) -> list[tuple[int, str]]:
        """Return (country code, national number) by each rule that fits."""
        return [
            (code, template.format(*match.groups()))
            for match, code, template in self.matches(national)
        ]

    def matches(self, national: str) -> list[tuple[re.Match[str], int, str]]:
        """Return each rule that fits: its match, the country code and template of the outcome."""
        if not self.fits(national):
            return []
        return [
            (match, code, template)
            for pattern, code, template in self._rules
            if (match := pattern.fullmatch(national)) is not None
        ]


@cache
def _forward(applies: str) -> dict[int, _Rules]:
    changes: dict[int, list[tuple[int, PlanChange]]] = {}
    for change in plan_changes():
        if change.applies == applies:
            changes.setdefault(change.code, []).append((change.new_code, change))
    return {code: _Rules(code_rules, PlanChange.forward) for code, code_rules in changes.items()}


@cache
def _backward() -> dict[int, _Rules]:
    changes: dict[int, list[tuple[int, PlanChange]]] = {}
    for change in plan_changes():
        changes.setdefault(change.new_code, []).append((change.code, change))
    return {code: _Rules(code_rules, PlanChange.backward) for code, code_rules in changes.items()}


@cache
def _changed_codes() -> frozenset[int]:
    """Country codes that any change is about; most numbers have another one."""
    return frozenset(code for change in plan_changes() for code in (change.code, change.new_code))


def _is_valid(code: int, national: str) -> bool:
    return fast_parser.region_and_type(code, national)[1] != PhoneNumberType.UNKNOWN


@lru_cache(maxsize=_CACHE_SIZE)
def renumbered(code: int, national: str) -> tuple[int, str] | None:
    """Return today's country code and national number of a number of an old plan; None if none.

    `national`: digits as people type them behind the country code. None also for a number that
    exists today, and where two changes would give different numbers.

    >>> renumbered(52, "15512345678"), renumbered(225, "07123456"), renumbered(52, "5512345678")
    ((52, '5512345678'), (225, '0707123456'), None)
    """
    today = _only_outcome("unknown", code, national)
    return None if today is None or _is_valid(code, national) else today


@cache
def has_changes(code: int) -> bool:
    """Whether `renumbered` knows any change of a country code."""
    return code in _forward("unknown")


@cache
def regions_with_apart_forms() -> frozenset[str]:
    """Return the regions (ISO codes) whose numbers `renumbered_apart` may change."""
    return frozenset(
        region for code in _forward("apart") for region in COUNTRY_CODE_TO_REGION_CODE[code]
    )


def renumbered_apart(e164: str, groups: Container[int]) -> str | None:
    """Return today's form of a number whose old area code was typed apart; None if there is none.

    `groups`: how many digits stand behind each mark in the number's text.

    >>> renumbered_apart("+84838295001", {4, 8, 10}), renumbered_apart("+84838295001", {4, 7, 10})
    ('+842838295001', None)
    """
    parts = fast_parser.split(e164[1:])
    rules = _forward("apart").get(parts[0]) if parts is not None else None
    for match, code, template in rules.matches(parts[1]) if rules and parts else ():
        if len(match[1]) in groups:
            new = template.format(*match.groups())
            return f"+{code}{new}" if _is_valid(code, new) else None
    return None


def _only_outcome(applies: str, code: int, national: str) -> tuple[int, str] | None:
    """Return the one number that exists by rules of a sort; None if there is none, or several."""
    rules = _forward(applies).get(code)
    if rules is None or not (outcomes := rules.outcomes(national)):
        return None
    today = {
        (new_code, new)
        for new_code, new in outcomes
        if _is_valid(new_code, new) and not is_reserved(new_code, int(new))
    }
    return today.pop() if len(today) == 1 else None


def lacks_a_digit(code: int, national: str) -> bool:
    """Return whether a digit more at the end would make it a number that exists today.

    An old form that is also a number of today cut short may be a slip of the finger: what
    `renumbered` makes of it rests on less evidence.

    >>> lacks_a_digit(974, "3152145"), lacks_a_digit(57, "12281260")
    (True, False)
    """
    return any(_is_valid(code, national + digit) for digit in "0123456789")


@lru_cache(maxsize=_CACHE_SIZE)
def equal_forms(e164: str) -> tuple[str, ...]:
    """Return all E.164 forms of the line that a number is, by changes of plan and by variants.

    Today's comes first, of variants the longer one. A number without any is returned alone, and so
    is a text that is no E.164 number.

    >>> equal_forms("+22507123456"), equal_forms("+2250707123456"), equal_forms("+14155552671")
    (('+2250707123456', '+22507123456'), ('+2250707123456', '+22507123456'), ('+14155552671',))
    >>> equal_forms("+541123456789")
    ('+5491123456789', '+541123456789')
    """
    return _forms(e164, (*_REPLACED, "variant"))


@lru_cache(maxsize=_CACHE_SIZE)
def renumbered_forms(e164: str) -> tuple[str, ...]:
    """Return those of a number's `equal_forms` that a change of plan made equal to it: what a
    provider answered about one of them holds for the others.

    >>> renumbered_forms("+22507123456"), renumbered_forms("+541123456789")
    (('+2250707123456', '+22507123456'), ('+541123456789',))
    """
    return _forms(e164, _REPLACED)


def is_earlier_form(e164: str) -> bool:
    """Return whether a number has equal forms, and another of them comes first.

    >>> is_earlier_form("+541123456789"), is_earlier_form("+5491123456789")
    (True, False)
    """
    parts = fast_parser.split(e164[1:]) if e164[:1] == "+" and e164[1:].isdecimal() else None
    if parts is None or parts[0] not in _changed_codes():
        return False
    # A pattern tells of most numbers that none fits, in a tenth of the time that all forms take.
    rules = (_forward(applies).get(parts[0]) for applies in (*_REPLACED, "variant"))
    fits = any(one is not None and one.fits(parts[1]) for one in rules)
    return fits and equal_forms(e164)[0] != e164


def codes_with_forms() -> list[int]:
    """Return the country codes whose numbers may have more than one form."""
    return sorted(_changed_codes())


# How a rule applies of which only the new form is a number of today.
_REPLACED = ("unknown", "link")


def _forms(e164: str, applies: tuple[str, ...]) -> tuple[str, ...]:
    """Return all forms that rules of these sorts make equal to a number, today's first."""
    parts = fast_parser.split(e164[1:]) if e164[:1] == "+" and e164[1:].isdecimal() else None
    if parts is None or parts[0] not in _changed_codes() or not e164.isascii():
        return (e164,)
    today = _today(*parts, applies) or parts
    rules = _backward().get(today[0])
    forms = dict.fromkeys((f"+{today[0]}{today[1]}", e164))
    for code, national in rules.outcomes(today[1]) if rules else ():
        old = f"+{code}{national}"
        # An old form counts only if it is read as this number, and not as one that exists.
        if len(old) <= _MAX_DIGITS + 1 and _today(code, national, applies) == today:
            forms[old] = None
    return tuple(forms)


def _today(code: int, national: str, applies: tuple[str, ...]) -> tuple[int, str] | None:
    """Return today's form of a number by the first sort of rules that has one."""
    for sort in applies:
        outcome = _only_outcome(sort, code, national)
        if outcome is not None and not (sort == "unknown" and _is_valid(code, national)):
            return outcome
    return None
