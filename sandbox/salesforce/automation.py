"""What an org does by itself when a record is written: rules, triggers, approvals, policies.

Sources: REST API Developer Guide, "Assignment Rule Header" and "Duplicate Rule Header"; Apex
Developer Guide, "Trigger Exceptions" and "Bulk Triggers"; Object Reference, "StatusCode". The texts
of errors are from public reports.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

TRIGGER_CHUNK = 200  # records that a trigger gets at once, of a collection and of a job

# The owner that an active assignment rule gives a record of these objects: a queue.
RULE_OWNER = "00G5g0000004C92EAE"
RULED = ("Lead", "Case", "Account")


@dataclass(frozen=True)
class Rule:
    """Something of the org that refuses our user's updates of a record.

    `sets`: it refuses an update that sets one of these fields; empty: any update. `names`: the
    fields that the answer names. `whole_call`: the answer is an error of the whole call, and no
    record of it is written, as for a body that cannot be read.
    """

    code: str
    message: str
    sets: frozenset[str] = frozenset()
    names: tuple[str, ...] = ()
    whole_call: bool = False

    def refuses(self, fields: Collection[str]) -> bool:
        return not self.sets or not self.sets.isdisjoint(fields)


@dataclass
class Automation:
    """Settings of the stand-in, which tests change.

    `assignment_rules`: objects with an active rule. `trigger_takes`: records at once that the
    triggers of the org can take (0: any number). `duplicates`: records on which a duplicate rule
    alerts. `in_approval`: records that an approval process has locked. `forbidden`: records that a
    transaction security policy keeps from the integration user. `rules`: by record.
    """

    assignment_rules: tuple[str, ...] = RULED
    trigger_takes: int = 0
    duplicates: set[str] = field(default_factory=set)
    in_approval: set[str] = field(default_factory=set)
    forbidden: set[str] = field(default_factory=set)
    rules: dict[str, Rule] = field(default_factory=dict)
    largest_chunk: int = 0  # records that the triggers got at once, at the most

    def new_owner(self, object_name: str, auto_assign: str) -> str | None:
        """Who owns a record after an update by REST; None: who did before. `auto_assign`: what
        `Sforce-Auto-Assign` says, "" where it is missing, which means TRUE."""
        active = object_name in self.assignment_rules
        return RULE_OWNER if active and auto_assign.strip().upper() != "FALSE" else None

    def trigger_refuses(self, records: int) -> str | None:
        """What all records of a chunk are refused with, where the triggers cannot take so many."""
        self.largest_chunk = max(self.largest_chunk, records)
        if not self.trigger_takes or records <= self.trigger_takes:
            return None
        return (
            "RollUpPhones: execution of AfterUpdate caused by: System.LimitException: Too many "
            "SOQL queries: 101 Trigger.RollUpPhones: line 7, column 1"
        )


@dataclass(frozen=True)
class WriteOptions:
    """What the headers of a write say. An ingest job has none of them but the client's name, and
    runs no assignment rule that it does not name. `client`: None where a person writes."""

    auto_assign: str = ""
    allow_duplicates: bool = False
    client: str | None = ""

    @classmethod
    def of(cls, headers: Mapping[str, str]) -> WriteOptions:
        rule = headers.get("Sforce-Duplicate-Rule-Header", "").replace(" ", "").lower()
        return cls(
            headers.get("Sforce-Auto-Assign", ""),
            "allowsave=true" in rule.split(";"),
            client_of(headers),
        )


def client_of(headers: Mapping[str, str]) -> str:
    """The client that a call names. Source: REST API Developer Guide, "Call Options Header"."""
    options = headers.get("Sforce-Call-Options", "").split(",")
    named = (option.strip().removeprefix("client=") for option in options if "client=" in option)
    return next(named, "")


BY_JOB = WriteOptions(auto_assign="FALSE")
# The page asks each time.
BY_A_PERSON = WriteOptions(auto_assign="FALSE", allow_duplicates=True, client=None)
