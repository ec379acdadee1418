"""Answers of the API about contacts that share a number."""

from __future__ import annotations

from typing_extensions import TypedDict  # pydantic needs it before Python 3.12

# With the functional form: "for" is a word of Python.
DuplicateEvidence = TypedDict("DuplicateEvidence", {"rule": str, "for": str, "text": str})


class MergeProposal(TypedDict):
    """Records of one object of one CRM, as CONNECTOR/OBJECT/ID, that a person may merge into
    `keep`, because of `reason`. `flags`: what must stand on it then, the strictest of all records;
    `set_before_merging`: those of them that are not set yet; `wrong_numbers` stay wrong."""

    keep: str
    merge: list[str]
    rule: str
    reason: str
    flags: list[str]
    set_before_merging: list[str]
    wrong_numbers: list[str]


class DuplicateGroup(TypedDict):
    """Contacts that share a number. `records`: the first of them, as CONNECTOR/OBJECT/ID; `flags`:
    what stands against any of these; `people`: different emails; `set_elsewhere`: flags that lack
    on the same person's records that no proposal covers; `compared_at`: when their names were read
    from the CRMs and compared."""

    number: str
    kind: str
    rule: str
    evidence: list[DuplicateEvidence]
    advice: str
    connectors: list[str]
    line_type: str
    contacts: int
    people: int
    records: list[str]
    flags: list[str]
    proposals: list[MergeProposal]
    set_elsewhere: dict[str, list[str]]
    counted_at: str
    compared_at: str | None


class Duplicates(TypedDict):
    """`counts`: groups by kind. `after`: where the next page begins; null at the end."""

    groups: list[DuplicateGroup]
    counts: dict[str, int]
    after: str | None
