"""A fast parser on libphonenumber's numbering plans: it reads one number in a few steps.

The library asks up to twenty patterns of a plan about each number, one after the other, and as
many again for each question. Here the patterns of a plan are joined, so that one match tells
whether a number exists and what kind of line it is, and what was typed plainly (digits and the
usual marks between them) is taken apart without looking for all that could stand there. The
metadata is the library's own, and so is the outcome: `tests/worker/phones/test_fast_parser.py`
holds every answer against it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, PhoneNumber, PhoneNumberType
from phonenumbers.phonemetadata import PhoneMetadata, PhoneNumberDesc

_PLAIN = re.compile(r"\+?[\d ().-]{3,40}", re.ASCII)
_MARKS = b"+ ().-"
_CODE_LENGTHS = (1, 2, 3)  # digits of a country code
_NATIONAL = range(2, 18)  # digits of a national number, by the library's own limits

# In the library's order: the first kind whose pattern fits is the number's.
_SPECIAL = (
    ("premium_rate", PhoneNumberType.PREMIUM_RATE),
    ("toll_free", PhoneNumberType.TOLL_FREE),
    ("shared_cost", PhoneNumberType.SHARED_COST),
    ("voip", PhoneNumberType.VOIP),
    ("personal_number", PhoneNumberType.PERSONAL_NUMBER),
    ("pager", PhoneNumberType.PAGER),
    ("uan", PhoneNumberType.UAN),
    ("voicemail", PhoneNumberType.VOICEMAIL),
)


class NumberingPlan:
    """One country's plan. `code`: its country code; a national number is a string of digits."""

    def __init__(self, metadata: PhoneMetadata) -> None:
        self._metadata = metadata
        self.code = metadata.country_code or 0
        general = metadata.general_desc or PhoneNumberDesc()
        self._exists = re.compile(general.national_number_pattern or r"(?!)").fullmatch
        self._lengths = general.possible_length
        self._local_lengths = general.possible_length_local_only
        self._longest = max(self._lengths, default=0)
        prefix = metadata.national_prefix_for_parsing
        self._prefix = re.compile(prefix) if prefix else None
        self._transform = metadata.national_prefix_transform_rule
        abroad = metadata.international_prefix
        self._abroad = re.compile(abroad) if abroad else None
        self._own = str(self.code)
        self.leading_digits = metadata.leading_digits  # a pattern; None if the plan names none
        self._mobile = metadata.mobile
        self._by_length: dict[int, tuple[re.Pattern[str], tuple[int, ...]] | None] = {}
        self._is_mobile: dict[int, re.Pattern[str] | None] = {}

    # -- what kind of line ---------------------------------------------------------------

    def kind(self, national: str) -> int:
        """Return the line type, as `PhoneNumberType`; UNKNOWN for a number that does not exist."""
        length = len(national)
        try:
            kinds = self._by_length[length]
        except KeyError:
            kinds = self._by_length[length] = self._kinds(length)
        if kinds is None or not self._exists(national):
            return PhoneNumberType.UNKNOWN
        pattern, meaning = kinds
        match = pattern.fullmatch(national)
        if match is None or match.lastindex is None:
            return PhoneNumberType.UNKNOWN
        kind = meaning[match.lastindex - 1]
        if kind == PhoneNumberType.FIXED_LINE and self._also_mobile(national):
            return PhoneNumberType.FIXED_LINE_OR_MOBILE
        return kind

    def _kinds(self, length: int) -> tuple[re.Pattern[str], tuple[int, ...]] | None:
        """Join all patterns for numbers of a length; an empty group tells which one matched."""
        if self._lengths and length not in self._lengths:
            return None
        patterns, meaning = [], []
        for pattern, kind in self._descriptions(length):
            patterns.append(f"(?:{pattern})()")
            meaning.append(kind)
        if not patterns:
            return None
        return re.compile("|".join(patterns)), tuple(meaning)

    def _descriptions(self, length: int) -> Iterator[tuple[str, int]]:
        metadata = self._metadata
        same = metadata.same_mobile_and_fixed_line_pattern
        kinds = [(getattr(metadata, name), kind) for name, kind in _SPECIAL]
        both, fixed = PhoneNumberType.FIXED_LINE_OR_MOBILE, PhoneNumberType.FIXED_LINE
        kinds.append((metadata.fixed_line, both if same else fixed))
        if not same:
            kinds.append((metadata.mobile, PhoneNumberType.MOBILE))
        for desc, kind in kinds:
            if (pattern := _for_length(desc, length)) is not None:
                yield _without_groups(pattern), kind

    def _also_mobile(self, national: str) -> bool:
        length = len(national)
        try:
            pattern = self._is_mobile[length]
        except KeyError:
            text = _for_length(self._mobile, length)
            pattern = self._is_mobile[length] = re.compile(text) if text is not None else None
        return pattern is not None and pattern.fullmatch(national) is not None

    # -- prefixes ------------------------------------------------------------------------

    def without_trunk_prefix(self, national: str) -> str:
        """Strip a trunk prefix (0, 1), if it is one."""
        if self._prefix is None or not national:
            return national
        match = self._prefix.match(national)
        if match is None:
            return national
        groups = match.groups()
        if not self._transform or groups[-1] is None:
            rest = national[match.end() :]
        else:
            rest = self._prefix.sub(self._transform, national, count=1)
        if self._exists(national) and not self._exists(rest):
            return national
        return rest

    def without_trunk_prefix_if_long_enough(self, national: str) -> str:
        """Strip a trunk prefix, unless too little would be left for a number."""
        rest = self.without_trunk_prefix(national)
        length = len(rest)
        return rest if length in self._lengths or length > self._longest else national

    def without_international_prefix(self, digits: str) -> tuple[str, bool]:
        """Strip an international prefix (00, 011), or find this country's own code in front. Return
        the digits, and whether they are international then."""
        if self._abroad is not None and (match := self._abroad.match(digits)) is not None:
            rest = digits[match.end() :]
            if rest[:1] != "0":
                return rest, True
        if digits.startswith(self._own):
            rest = self.without_trunk_prefix(digits[len(self._own) :])
            known = self._exists(digits) is not None
            # Longer than any number of the plan, and of no length that is dialled locally.
            too_long = len(digits) > self._longest and len(digits) not in self._local_lengths
            if too_long or (not known and self._exists(rest) is not None):
                return self._own + rest, True
        return digits, False


def _without_groups(pattern: str) -> str:
    """Groups of a pattern's own would shift the count of ours."""
    return re.sub(r"(?<!\\)\((?!\?)", "(?:", pattern)


def _for_length(desc: PhoneNumberDesc | None, length: int) -> str | None:
    """A description's pattern, if it has one and numbers of this length."""
    if desc is None or not desc.national_number_pattern:
        return None
    if desc.possible_length and length not in desc.possible_length:
        return None
    return desc.national_number_pattern


@cache
def _plan(region: str) -> NumberingPlan | None:
    metadata = PhoneMetadata.metadata_for_region(region.upper(), None)
    return NumberingPlan(metadata) if metadata is not None else None


@cache
def _plans(code: int) -> tuple[tuple[str, NumberingPlan], ...]:
    """(region, plan) of all countries that share a code, the main one first."""
    plans = []
    for region in COUNTRY_CODE_TO_REGION_CODE.get(code, ()):
        metadata = PhoneMetadata.metadata_for_region_or_calling_code(code, region)
        if metadata is not None:
            plans.append((region, NumberingPlan(metadata)))
    return tuple(plans)


@cache
def _leading_digits(code: int) -> tuple[re.Pattern[str], tuple[str, ...]]:
    """Join the leading digits of all plans that share a code; an empty group tells whose matched.

    Asking each of North America's 25 plans took a tenth of a plain field's time.
    """
    named = [(region, plan.leading_digits) for region, plan in _plans(code) if plan.leading_digits]
    patterns = [f"(?:{_without_groups(pattern)})()" for _, pattern in named]
    return re.compile("|".join(patterns) or "(?!)"), tuple(region for region, _ in named)


@cache
def _plans_beside(code: int, owner: str) -> tuple[tuple[str, NumberingPlan], ...]:
    """Return the plans of a code that may have a number whose leading digits are `owner`'s."""
    return tuple(
        (region, plan)
        for region, plan in _plans(code)
        if region == owner or not plan.leading_digits
    )


def split(digits: str) -> tuple[int, str] | None:
    """Split digits behind a plus into country code and national number; None if none has it."""
    for length in _CODE_LENGTHS if digits else ():
        code = int(digits[:length])
        if code in COUNTRY_CODE_TO_REGION_CODE:
            return code, digits[length:]
    return None


def digits_of_plain(text: str) -> str:
    """Return the digits of a text that holds nothing but digits and the usual marks between them.

    By way of bytes: a third of the time of `str.translate` or a regular expression.
    """
    return text.encode().translate(None, _MARKS).decode()


def parse(text: str, region: str | None) -> tuple[int, str] | None:
    """Return country code and national number of a plain text, as `phonenumbers.parse` does.

    None where the text is not plain, or no number: then ask the library.

    >>> parse("(415) 555-0123", "US"), parse("+44 20 7946 0000", None), parse("call me", "US")
    ((1, '4155550123'), (44, '2079460000'), None)
    """
    if _PLAIN.fullmatch(text) is None:
        return None
    digits = digits_of_plain(text)
    if len(digits) < 3:
        return None
    own: NumberingPlan | None = None
    if text[0] == "+":
        international = True
    else:
        own = _plan(region) if region else None
        if own is None:
            return None
        digits, international = own.without_international_prefix(digits)
    if international:
        if digits[:1] == "0" or len(digits) < 3 or (parts := split(digits)) is None:
            return None
        code, national = parts
        plans = _plans(code)
        if not plans:
            return None
        plan = plans[0][1]
    elif own is not None:
        plan, code, national = own, own.code, digits
    if len(national) < _NATIONAL.start:
        return None
    national = plan.without_trunk_prefix_if_long_enough(national)
    return (code, national) if len(national) in _NATIONAL else None


def region_and_type(code: int, national: str) -> tuple[str, int]:
    """Return a number's region and line type (as `PhoneNumberType`): "" for a number of no region,
    UNKNOWN for one that does not exist."""
    plans = _plans(code)
    if len(plans) == 1:
        region, plan = plans[0]
        return region, plan.kind(national)
    pattern, owners = _leading_digits(code)
    match = pattern.match(national)
    owner = owners[match.lastindex - 1] if match is not None and match.lastindex else ""
    for region, plan in _plans_beside(code, owner):
        kind = plan.kind(national)
        if region == owner or kind != PhoneNumberType.UNKNOWN:
            return region, kind
    return "", PhoneNumberType.UNKNOWN


def as_number(code: int, national: str) -> PhoneNumber:
    """Return a number as the library's object."""
    zeros = min(len(national) - len(national.lstrip("0")), len(national) - 1)
    return PhoneNumber(
        country_code=code,
        national_number=int(national),
        italian_leading_zero=zeros > 0 or None,
        number_of_leading_zeros=zeros if zeros > 1 else None,
    )
