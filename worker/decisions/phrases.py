"""Recognise what is said of a number: an English phrase becomes a key with parameters.

Phrases come from where a field is read (`worker.phones`), from providers, from reports, and out of
answers that were stored months ago, maybe by another release. All of them say it in English, as a
phrase that goes on from "this field ...". Here, and only here, that is taken apart. A phrase that
nobody knows (of a provider from an installed package, or what a person typed as evidence) is kept
as it is, under the key "raw".
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from functools import cache, lru_cache

from babel import Locale

from worker.decisions.model import Phrase
from worker.phones.metadata import country_name

RAW = "raw"
NORTH_AMERICA = "NANP"  # the one plan that is not a country's

_Args = tuple[tuple[str, str | Phrase], ...]
_Read = Callable[[str], str | Phrase]

_EXACT = {
    # A phone field that holds something else: `worker.phones`.
    "holds a placeholder, not a number": "placeholder",
    "holds an email address, not a number": "email_address",
    "holds a web address, not a number": "web_address",
    "holds a date, not a number": "a_date",
    "holds coordinates, not a number": "coordinates",
    "holds the number of a person's identity": "personal_id",
    "holds a bank account number": "bank_account",
    "looks like the number of a payment card": "payment_card",
    "holds words, not a number": "words",
    "holds no digits": "no_digits",
    "holds one digit repeated, not a number": "one_digit_repeated",
    "holds zeros, not a number": "zeros",
    "holds a made-up sequence of digits": "made_up_sequence",
    "holds characters that cannot be read": "unreadable",
    "was cut to scientific notation by a spreadsheet, digits are lost": "cut_by_spreadsheet",
    "holds a number with decimals, not a phone number": "decimals",
    "holds letters or marks in the place of digits": "masked",
    "holds too many digits for one number": "too_many_digits",
    "holds too few digits for a number": "too_few_digits",
    "holds an identifier of a computer": "no_phone_number",
    "holds no number": "no_phone_number",
    "is not a phone number": "no_phone_number",
    "holds an emergency number, not a person's": "emergency_number",
    "holds a short code, not a person's number": "short_code",
    # Values of a CRM that are no text: `connectors.phone_values`.
    "holds a negative number, not a phone number": "negative_number",
    "holds a number with too many digits, not a phone number": "too_many_digits",
    "holds a fraction, not a phone number": "decimals",
    "holds no number, not a phone number": "no_phone_number",
    "holds a checkbox, not a phone number": "no_text",
    "holds a list, not a phone number": "no_text",
    "holds a group of values, not a phone number": "no_text",
    "holds a value that is no text, not a phone number": "no_text",
    # A number that the numbering plan or a provider does not know.
    "is a local number, and nothing tells its country": "no_country",
    "has a country code that does not exist": "no_such_country_code",
    "is in a range that is kept for films and tests": "reserved",
    "is too short": "too_short",
    "is too long": "too_long",
    "has a wrong number of digits": "wrong_length",
    "is in no range that its country has given out": "unassigned",
    "is not a number that exists": "not_existing",
    "is not valid": "not_valid",
    "is invalid": "not_valid",
    "is not in service": "not_in_service",
    "is unreachable": "unreachable",
    "could not be checked yet": "not_checked",
    "could not be checked again just now": "not_rechecked",
    "could not be read again: it is hidden from our user": "hidden",
}

_BASES = {
    "digits behind it count as its extension": "basis_extension",
    "a range of them is given": "basis_range",
    "nothing but its length tells it from the next": "basis_length",
    "it is a short form of the number before it": "basis_short_form",
    "its plan has changed since": "basis_plan_changed",
    "its country code was typed twice": "basis_code_twice",
    "the digits beside a word are left out": "basis_beside_word",
    "the digits may as well be years, a place on the map or the address of a computer": (
        "basis_other_sense"
    ),
    "its plus was left out": "basis_no_plus",
    "it was typed with a prefix that is no longer dialled": "basis_old_prefix",
    "a plus was typed before it": "basis_plus_before",
    "a zero was typed behind its country code": "basis_zero_behind",
    "its country code was left out": "basis_code_missing",
    "it was typed as it is dialled within its country": "basis_dialled_there",
    "its country is the default one": "basis_default_country",
    "like the contact's other number": "basis_other_number",
    "after the contact's email": "basis_email",
    "after the contact's website": "basis_website",
}

_SOURCES = {
    "said “I am not this person” on our page": "page_not_me",
    "said “do not contact me” on our page": "page_stop",
    "the person gave another number on our page": "page_new_number",
    "opted out by a reply such as STOP": "opted_out_by_reply",
    "erased on request": "erased",
    "a reply that may be an opt-out waits for review": "reply_waits",
}

_FLAGS = {
    "wrong number": "flag_wrong_number",
    "do not contact": "flag_do_not_contact",
    "do not call": "flag_do_not_call",
    "do not text": "flag_do_not_text",
}

# Why a message did not arrive: `worker.feedback.sources.delivery_codes`.
_DELIVERY = {
    "the number is not valid": "not_valid",
    "unknown destination: the number may no longer exist": "delivery_unknown",
    "the handset cannot be reached": "delivery_handset",
    "the number cannot be reached by a call": "unreachable",
    "a premium-rate or information number": "delivery_premium",
    "the number is not a mobile number": "delivery_not_mobile",
    "the number is a landline": "delivery_landline",
    "a landline, or a carrier that cannot be reached": "delivery_carrier",
    "blocked for this number: it may be on a do-not-call list, or have replied STOP to a toll-free "
    "number": "delivery_blocked",
}

_WHY = {
    "today's budget is used up": "why_day_budget",
    "this month's budget is used up": "why_month_budget",
    "this run's budget is used up": "why_run_budget",
    "its field is read differently now, and no new lookup is paid for that "
    "(verification.pay_for_changed_readings)": "why_not_paid",
}


def _exactly(known: dict[str, str]) -> _Read:
    """Return what reads a phrase out of a table; any other is kept as it is."""
    return lambda text: Phrase(known[text]) if text in known else raw(text)


def raw(text: str) -> Phrase:
    """Return what nobody knows, as it is."""
    return Phrase(RAW, (("text", text),))


@lru_cache(maxsize=4096)
def parse(text: str) -> Phrase:
    """Recognise a phrase that is said of a phone field.

    >>> parse("is one digit too short for the United Kingdom")
    Phrase(key='one_digit_too_short', args=(('place', 'GB'),))
    >>> parse("is a riddle").key
    'raw'
    """
    return _first(text, _EXACT, (*_PLAIN, *_SAID_BY))


def _plain(text: str) -> Phrase:
    return _first(text, _EXACT, _PLAIN)


def _source(text: str) -> Phrase:
    return _first(text, _SOURCES, _FROM)


def _why(text: str) -> Phrase:
    return _first(text, _WHY, _WHYS)


def _first(text: str, exact: dict[str, str], patterns: _Patterns) -> Phrase:
    if text in exact:
        return Phrase(exact[text])
    for key, pattern in patterns:
        if (match := pattern.fullmatch(text)) is not None:
            parts = match.groupdict()
            if all(value is not None for value in parts.values()):
                args = tuple((name, _READERS.get(name, str)(parts[name])) for name in parts)
                return Phrase(key, args)
    return raw(text)


def _place(text: str) -> str:
    """Return a country's code, NORTH_AMERICA, or a calling code such as +870."""
    return NORTH_AMERICA if text == "North America" else _regions().get(text, text)


@cache
def _regions() -> dict[str, str]:
    territories = Locale("en").territories
    return {country_name(code): code for code in territories if code.isalpha() and len(code) == 2}


_MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()


def _date(text: str) -> str:
    day, month, year = text.split()
    try:
        return date(int(year), _MONTHS.index(month) + 1, int(day)).isoformat()
    except ValueError:
        return text


def _others(text: str) -> Phrase:
    """Read "NumVerify says valid and Twilio Lookup says unreachable"."""
    match = _SAYS.fullmatch(text)
    if match is None:
        return raw(text)
    phrase = Phrase(f"says_{match['verdict']}", (("provider", match["provider"]),))
    if not match["rest"]:
        return phrase
    return Phrase("both", (("first", phrase), ("second", _others(match["rest"]))))


_SAYS = re.compile(
    r"(?P<provider>.+?) says (?P<verdict>valid|invalid|unreachable)(?: and (?P<rest>.+))?"
)

_READERS: dict[str, _Read] = {
    "place": _place,
    "home": _place,
    "date": _date,
    "since": _date,
    "checked": _date,
    "basis": _exactly(_BASES),
    "flag": _exactly(_FLAGS),
    "failure": _exactly(_DELIVERY),
    "source": _source,
    "why": _why,
    "others": _others,
    "what": _plain,
    "first": _plain,
    "second": _plain,
}

_DATE = r"\d{2} [A-Z][a-z]{2} \d{4}"
_Patterns = tuple[tuple[str, re.Pattern[str]], ...]


def _compiled(patterns: dict[str, str] | list[tuple[str, str]]) -> _Patterns:
    entries = patterns.items() if isinstance(patterns, dict) else patterns
    return tuple((key, re.compile(pattern, re.DOTALL)) for key, pattern in entries)


_PLAIN: _Patterns = _compiled(
    {
        # Reports: `worker.feedback.consent_state`.
        "stopped_by": rf"must not be contacted \((?P<source>.+), (?P<date>{_DATE})\)",
        "wrong_by": rf"reaches somebody else \((?P<source>.+), (?P<date>{_DATE})\)",
        "replaced_by": rf"was replaced by its owner \((?P<source>.+), (?P<date>{_DATE})\)",
        "held_by": rf"is not texted \((?P<source>.+), (?P<date>{_DATE})\)",
        "not_called_by": rf"is not called \((?P<source>.+), (?P<date>{_DATE})\)",
        "no_texts_by": rf"takes no texts \((?P<source>.+), (?P<date>{_DATE})\)",
        "unreachable_by": rf"cannot be reached \((?P<source>.+), (?P<date>{_DATE})\)",
        "reassigned": rf"was given to somebody else after (?P<since>{_DATE}) "
        rf"\(checked (?P<checked>{_DATE})\)",
        # The numbering plan: `worker.phones.metadata`.
        "one_digit_too_short": r"is one digit too short for (?P<place>.+)",
        "one_digit_too_long": r"is one digit too long for (?P<place>.+)",
        "too_short_for": r"is too short for (?P<place>.+)",
        "too_long_for": r"is too long for (?P<place>.+)",
        "not_in_plan": r"is not a number that exists in the plan of (?P<place>.+)",
        "no_such_country_code_of": r"has a country code that does not exist \((?P<code>\+\d+)\)",
        # How a field was read: `worker.phones.field_parser`, `worker.phones.contact_fields`.
        "joined": r"(?P<first>is a number of .+); it (?P<second>is read with .+)",
        "foreign": r"is a number of (?P<place>.+), while the contact is in (?P<home>.+)",
        "medium_confidence": r"is read with medium confidence: (?P<basis>.+)",
        "low_confidence": r"is read with low confidence: (?P<basis>.+)",
        "read_like_other_number": r"is read as a number of (?P<place>.+), "
        r"like the contact's other number",
        "read_after_email": r"is read as a number of (?P<place>.+), after the contact's email",
        "read_after_website": r"is read as a number of (?P<place>.+), after the contact's website",
        # Providers: `worker.decisions.decide`.
        "valid_but": r"counts as valid by (?P<provider>.+), though (?P<others>.+)",
        "not_checked_because": r"could not be checked yet: (?P<why>.+)",
        "not_rechecked_because": r"could not be checked again: (?P<why>.+)",
    }
)

# By whom it is said; what is said has no such part itself.
_SAID_BY = _compiled(
    {
        "said_by_though": r"(?P<what>.+) \((?P<provider>[^();]+); (?P<others>.+)\)",
        "said_by": r"(?P<what>.+) \((?P<provider>[^();]+)\)",
    }
)

# What a report rests on.
_FROM = _compiled(
    [
        ("on_merged_record", r"(?P<source>.+), on a record that lives on in this one"),
        (
            "of_merged_record",
            r"(?P<source>.+) \(on record (?P<record>.+), which lives on in this one\)",
        ),
        (
            "of_earlier_reading",
            rf"(?P<source>.+) \(said of (?P<number>\S+), which (?P<field>.+) was read as until "
            rf"(?P<date>{_DATE})\)",
        ),
        (
            "of_erased_reading",
            r"(?P<source>.+) \(said of a number that was erased, which (?P<field>.+) was read as "
            rf"until (?P<date>{_DATE})\)",
        ),
        ("replied", r"replied “(?P<text>.+)”"),
        ("replied", r"replied (?P<text>[A-Z]+)"),
        ("reply_read_by", r"a reply, read by (?P<by>.+)"),
        ("agent_logged", r"an agent logged “(?P<text>.+)” for a call"),
        ("flag_ticked", r"somebody ticked '(?P<flag>[a-z ]+)' in (?P<crm>.+)"),
        ("flag_at_first", r"'(?P<flag>[a-z ]+)' was ticked in (?P<crm>.+) when it was first read"),
        (
            "flag_late",
            r"'(?P<flag>[a-z ]+)' was set in (?P<crm>.+), perhaps by a late write of ours",
        ),
        ("on_list", r"on the list (?P<text>.+)"),
        ("message_failed", r"message failed: (?P<failure>.+?)(?P<code> \(\d{5}\)|)"),
        ("opted_out_code", r"opted out by a reply such as STOP(?P<code> \(\d{5}\))"),
    ]
)

# Why a wanted step has not answered: `worker.verification`.
_WHYS = _compiled(
    {
        "why_day_budget_of": r"today's budget for (?P<provider>.+) is used up",
        "why_month_budget_of": r"this month's budget for (?P<provider>.+) is used up",
        "why_run_budget_of": r"this run's budget for (?P<provider>.+) is used up",
        "why_no_answer": r"(?P<provider>.+) did not answer in time",
        "why_unreadable": r"(?P<provider>.+) gave an answer that cannot be read",
        "why_slow_down": r"(?P<provider>.+) asks us to slow down(?P<code> \([^()]+\)|)",
        "why_fault": r"(?P<provider>.+) has a fault(?P<code> \([^()]+\)|)",
        "why_no_credit": r"(?P<provider>.+) has no credit of ours left",
        "why_key_refused": r"(?P<provider>.+) does not accept our key(?P<code>.*)",
        "why_file": r"(?P<provider>.+) has not finished our file yet",
    }
)
