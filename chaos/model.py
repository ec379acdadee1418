"""What must be true of every record in the end, derived from what people did alone.

It states the product's rules independently, for the few situations that the actors cause.
It uses no code of the product and reads none of its tables.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from chaos.crm_fields import PHONE_FIELDS
from chaos.ground_truth import GroundTruth, Key, TypedPhone

_ALL = frozenset({"call", "text"})
STOPS = ("do_not_contact", "wrong_number")
SHARED_FROM = 3  # persons with one number, of whom nobody knows who sent what came from it
InService = Callable[[str], bool]  # whether the network has such a number


@dataclass(frozen=True)
class Expected:
    """Of a record: the statuses of its phone fields (several may be right), and its flags."""

    statuses: Mapping[str, tuple[str, ...]]
    numbers: Mapping[str, str | None]  # E.164, where the status is one that has it
    wrong: bool
    suppressed: bool
    no_calls: bool
    no_texts: bool

    @property
    def is_plain(self) -> bool:
        """Whether nobody has said anything against this record."""
        return not (self.wrong or self.no_calls or self.no_texts)


def closed_channels(truth: GroundTruth, number: str, key: Key | None = None) -> frozenset[str]:
    """Return the channels that are closed, for the person of a record. START takes back what a text
    stopped; of what was refused in another way it opens texts alone."""
    closed: frozenset[str] = frozenset()
    refused: frozenset[str] = frozenset()
    for statement in sorted(truth.statements.get(number, ()), key=lambda statement: statement.at):
        if statement.of not in (None, key):
            continue
        match statement.kind:
            case "stop":
                closed = _ALL
            case "refuse":
                closed = refused = _ALL
            case "start":
                closed = closed & refused - {"text"}
                refused = refused - {"text"}
            case "agree":
                closed = refused = frozenset()
    return closed


def is_stopped(truth: GroundTruth, number: str, key: Key | None = None) -> bool:
    return closed_channels(truth, number, key) == _ALL


def has_refused(truth: GroundTruth, key: Key, elsewhere: Mapping[str, int] | None = None) -> bool:
    """Return whether a stop of a record is surely its person's word: of a number that many have, or
    have had by the time it was read, nobody knows who sent it, unless it names the record.
    `elsewhere`: how many records of second accounts have each number."""
    numbers = {phone.number for phone in truth.typed[key].values() if phone.number}
    for number in numbers:
        named = any(statement.of == key for statement in truth.statements.get(number, ()))
        holders = len(truth.held[number]) + (elsewhere or {}).get(number, 0)
        if (named or holders < SHARED_FROM) and is_stopped(truth, number, key):
            return True
    return False


def is_wrong(truth: GroundTruth, number: str) -> bool:
    relevant = [
        statement
        for statement in truth.statements.get(number, ())
        if statement.kind in ("wrong", "confirmed")
    ]
    return bool(relevant) and max(relevant, key=lambda statement: statement.at).kind == "wrong"


def expected(
    truth: GroundTruth, key: Key, in_service: InService, asked: Callable[[str], bool]
) -> Expected:
    """`asked`: whether a number's lookup was affordable; else it may wait as unverified."""
    typed = truth.typed[key]
    numbers = [phone.number for phone in typed.values() if phone.number]
    statuses = {
        name: _status(truth, key, typed.get(name, TypedPhone("")), in_service, asked)
        for name in PHONE_FIELDS[key[:2]]
    }
    return Expected(
        statuses,
        {
            name: typed[name].number
            for name, status in statuses.items()
            if name in typed and status[0] in ("valid", "wrong_number", "do_not_contact")
        },
        any(is_wrong(truth, number) for number in numbers),
        any(is_stopped(truth, number, key) for number in numbers),
        any("call" in closed_channels(truth, number, key) for number in numbers),
        any("text" in closed_channels(truth, number, key) for number in numbers),
    )


def _status(
    truth: GroundTruth,
    key: Key,
    typed: TypedPhone,
    in_service: InService,
    asked: Callable[[str], bool],
) -> tuple[str, ...]:
    if not typed.text.strip():
        return ("",)
    if typed.number is None:
        return ("invalid",)
    if is_stopped(truth, typed.number, key):
        return ("do_not_contact",)
    if is_wrong(truth, typed.number):
        return ("wrong_number",)
    if not in_service(typed.number):
        return ("invalid",) if asked(typed.number) else ("invalid", "unverified")
    return ("valid",) if asked(typed.number) else ("valid", "unverified")


def differences(key: Key, wanted: Expected, current: Mapping[str, Any]) -> list[str]:
    """Say how a record differs from what it must be. Numbers are shortened to four digits."""
    problems = []
    for name, statuses in wanted.statuses.items():
        says = current.get(_named(key, "status", name)) or ""
        if says not in statuses:
            problems.append(
                f"{name} says {says or 'nothing'}, not {' or '.join(statuses) or 'nothing'}"
            )
        e164 = current.get(_named(key, "e164", name)) or None
        if says in statuses and name in wanted.numbers and e164 != wanted.numbers[name]:
            problems.append(f"{name} has another E.164: {str(e164)[-4:]}")
    for flag, value in _flags(wanted):
        if (current.get(_FLAGS[key.crm][flag]) in (True, "true")) != value:
            problems.append(f"{flag} is not {value}")
    return problems


def missing_stops(key: Key, wanted: Expected, current: Mapping[str, Any]) -> list[str]:
    """Say which stops in force a record lacks."""
    problems = [
        f"{name} says {current.get(_named(key, 'status', name)) or 'nothing'}, not {statuses[0]}"
        for name, statuses in wanted.statuses.items()
        if statuses[0] in STOPS and current.get(_named(key, "status", name)) != statuses[0]
    ]
    for flag, value in _flags(wanted):
        if value and current.get(_FLAGS[key.crm][flag]) not in (True, "true"):
            problems.append(f"{flag} is not set")
    return problems


def _flags(wanted: Expected) -> tuple[tuple[str, bool], ...]:
    return (
        ("wrong", wanted.wrong), ("suppressed", wanted.suppressed),
        ("no_calls", wanted.no_calls), ("no_texts", wanted.no_texts),
    )  # fmt: skip


def changed_phone_fields(truth: GroundTruth, key: Key, current: Mapping[str, Any]) -> list[str]:
    """Say which phone fields hold something else than what was typed last."""
    return [
        f"{key.crm} {key.id}: {name} holds {current.get(name)!r}, typed was {typed.text!r}"
        for name, typed in truth.typed[key].items()
        if (current.get(name) or "") != typed.text
    ]


_FLAGS = {
    "salesforce": {
        "wrong": "Wrong_Number__c",
        "suppressed": "Phone_Do_Not_Contact__c",
        "no_calls": "Phone_Do_Not_Call__c",
        "no_texts": "Phone_Do_Not_Text__c",
    },
    "hubspot": {
        "wrong": "hygiene_wrong_number",
        "suppressed": "hygiene_do_not_contact",
        "no_calls": "hygiene_do_not_call",
        "no_texts": "hygiene_do_not_text",
    },
}
_NAMES = {
    "salesforce": {"status": "{}_Status__c", "e164": "{}_E164__c"},
    "hubspot": {"status": "hygiene_{}_status", "e164": "hygiene_{}_e164"},
}


def _named(key: Key, what: str, name: str) -> str:
    return _NAMES[key.crm][what].format(name)
