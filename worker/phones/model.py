"""What a phone field holds."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

LineType = Literal[
    "mobile", "landline", "voip", "toll_free", "premium", "pager", "other", "unknown"
]

# empty: nothing there. number: at least one number that can be verified. no_country: a local
# number, and nothing tells its country. invalid: something else stands there.
Outcome = Literal["empty", "number", "no_country", "invalid"]

# high: as it was typed. medium: something had to be supplied or mended, or the country is told by
# the rest of the contact. low: it is a number of another country than the contact's, and only the
# rest of the contact speaks for that one; its field is `unverified`.
Confidence = Literal["high", "medium", "low"]


class Number(Struct, frozen=True):
    """One number of a field. `e164` like +14155550123; `extension` is kept beside it, never in it.

    `valid`: the numbering plan knows such numbers; `possible`: at least its length is right.
    `region`: ISO 3166 code, "001" for numbers of no country, "" when unknown. `label`: what stood
    before it ("Fax"). `basis`: what it rests on where the confidence is not high, as a phrase:
    "its plus was left out".
    """

    e164: str
    extension: str = ""
    kind: LineType = "unknown"
    region: str = ""
    valid: bool = False
    possible: bool = False
    confidence: Confidence = "high"
    label: str = ""
    basis: str = ""


class ParsedField(Struct, frozen=True):
    """A parsed phone field. `note`: what people wrote beside the numbers; `reason`: a phrase
    for a person that goes on from "this field ..." where the outcome is not a plain number;
    `remark`: such a phrase about a number that is kept all the same.
    """

    outcome: Outcome
    numbers: tuple[Number, ...] = ()
    note: str = ""
    reason: str = ""
    remark: str = ""
