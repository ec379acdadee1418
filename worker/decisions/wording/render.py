"""Make the sentence for a person out of a reason: the one place where that is done."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from datetime import date
from functools import lru_cache

from babel import Locale
from babel.dates import format_date
from babel.lists import format_list

from worker.decisions.model import Language, Part, Phrase, Reason, Status
from worker.decisions.phrases import NORTH_AMERICA, RAW
from worker.decisions.reasons import label
from worker.decisions.wording.catalogue import Wording
from worker.decisions.wording.de import GERMAN
from worker.decisions.wording.en import ENGLISH
from worker.decisions.wording.es import SPANISH
from worker.decisions.wording.fr import FRENCH
from worker.decisions.wording.it import ITALIAN
from worker.decisions.wording.pl import POLISH
from worker.decisions.wording.pt import PORTUGUESE
from worker.decisions.wording.ru import RUSSIAN
from worker.decisions.wording.uk import UKRAINIAN
from worker.phones.metadata import country_name

LANGUAGES: dict[Language, Wording] = {
    "en": ENGLISH,
    "es": SPANISH,
    "fr": FRENCH,
    "de": GERMAN,
    "pt": PORTUGUESE,
    "it": ITALIAN,
    "pl": POLISH,
    "ru": RUSSIAN,
    "uk": UKRAINIAN,
}
MAX_LENGTH = 255  # characters that the CRM's field holds
_WORD = 40  # characters, from which a text without a space is cut within a word

# Phone fields as CRMs call them -> the catalogue's name for them.
_FIELDS = {
    "phone": "phone",
    "phone number": "phone",
    "mobile": "mobile_phone",
    "mobile phone": "mobile_phone",
    "mobile phone number": "mobile_phone",
    "home phone": "home_phone",
    "other phone": "other_phone",
    "work phone": "work_phone",
    "assistant phone": "assistant_phone",
    "fax": "fax",
}
_BY_STATUS: dict[Status, str] = {
    "invalid": "not_valid",
    "unreachable": "unreachable",
    "wrong_number": "wrong",
    "do_not_contact": "stopped",
    "unverified": "not_checked",
}
_WHAT_TO_DO: dict[Status, str] = {
    "invalid": "do_fix",
    "unreachable": "do_try_another",
    "wrong_number": "do_ask_new",
    "do_not_contact": "do_not_use",
}
_NOT_CHECKED = frozenset(
    {"not_checked", "not_checked_because", "not_rechecked", "not_rechecked_because"}
)


@lru_cache(maxsize=4096)
def render(reason: Reason, language: Language) -> str:
    """Return the sentence for a reason: what is wrong, and what to do where there is room for it.

    At most `MAX_LENGTH` characters, cut after a word.
    """
    wording = LANGUAGES[language]
    if all(part.status == "valid" and part.phrase is None for part in reason):
        return _shortened(_sentence(_valid(reason, wording)))
    text = _sentence(wording.separator.join(_items(reason, wording)))
    for advice in dict.fromkeys(_advice(part) for part in reason):
        if advice and len(text) + 1 + len(getattr(wording, advice)) <= MAX_LENGTH:
            text += f" {getattr(wording, advice)}"
    return _shortened(text)


@lru_cache(maxsize=4096)
def render_alone(part: Part, language: Language) -> str:
    """Return the same for one phone field without its name, as for a cell beside it.

    >>> render_alone(Part("", "unverified", Phrase("no_country")), "en")
    'A local number whose country is unknown. Add the country to the contact.'
    """
    wording = LANGUAGES[language]
    phrase = part.phrase or Phrase(_BY_STATUS.get(part.status, "not_checked"))
    advice = _advice(part)
    return _shortened(
        " ".join(filter(None, (_sentence(_phrase(phrase, wording)), getattr(wording, advice, ""))))
    )


def sentence_in_any_language(text: str, reason: Reason) -> bool:
    """Whether a text is this reason's sentence in some language."""
    return any(render(reason, language) == text for language in LANGUAGES)


def _valid(reason: Reason, wording: Wording) -> str:
    names = [_field(part.field, wording) for part in reason]
    form = Locale.parse(wording.locale).plural_form(len(names))
    template = wording.valid_numbers.get(form) or wording.valid_numbers["other"]
    return template.format(fields=format_list(names, locale=wording.locale), count=len(names))


def _items(reason: Reason, wording: Wording) -> Iterator[str]:
    """Yield what is said of each field; what was said of one already is not said again."""
    seen: set[Phrase] = set()
    for part in reason:
        phrase = part.phrase or Phrase(_BY_STATUS.get(part.status, "not_checked"))
        what = wording.same if phrase in seen else _phrase(phrase, wording)
        seen.add(phrase)
        name = _field(part.field, wording) if part.field else wording.this_person
        yield wording.item.format(field=name, what=what)


def _advice(part: Part) -> str:
    """Return the key of what is to be done about a field, "" for nothing."""
    if not part.advise:
        return ""
    key = part.phrase.key if part.phrase is not None else "not_checked"
    if part.status != "unverified":
        return _WHAT_TO_DO.get(part.status, "")
    if key == "no_country":
        return "do_add_country"
    return "do_wait" if key in _NOT_CHECKED else "do_check_first"


def _field(name: str, wording: Wording) -> str:
    """Return a phone field's name; one that an operator has named himself stays as it is."""
    shown = label(name)
    key = _FIELDS.get(shown.lower())
    return str(getattr(wording, key)) if key else shown


def _phrase(phrase: Phrase, wording: Wording) -> str:
    args = {name: _arg(name, value, wording) for name, value in phrase.args}
    if phrase.key == RAW:
        return args["text"]
    template: str = getattr(wording, phrase.key)
    return template.format(**args)


def _arg(name: str, value: str | Phrase, wording: Wording) -> str:
    if isinstance(value, Phrase):
        return _phrase(value, wording)
    if name in ("date", "since", "checked"):
        return _date(value, wording.locale)
    if name in ("place", "home"):
        return _place(value, wording)
    if name == "field":
        return _field(value, wording)
    if name == "provider":
        named = {
            "the numbering plan": wording.numbering_plan,
            "delivery reports": wording.delivery_reports,
        }
        return named.get(value, value)
    return value


@lru_cache(maxsize=2048)
def _date(value: str, locale: str) -> str:
    try:
        written = str(format_date(date.fromisoformat(value), "long", locale=locale))
    except ValueError:
        return value
    return written.replace("\u202f", "\u00a0")  # a narrow space is in no 8-bit encoding of a list


def _place(value: str, wording: Wording) -> str:
    if value == NORTH_AMERICA:
        return wording.north_america
    if wording is ENGLISH:
        return country_name(value)
    return str(Locale.parse(wording.locale).territories.get(value, value))


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def _shortened(text: str) -> str:
    """Cut a text after a word, and never within a character that several code points make up."""
    if len(text) <= MAX_LENGTH:
        return text
    end = text.rfind(" ", MAX_LENGTH - _WORD, MAX_LENGTH)
    if end < 0:
        end = MAX_LENGTH - 1
        while end > 1 and (_joins(text[end]) or text[end - 1] == "\u200d"):
            end -= 1
    return text[:end].rstrip(" ,;:(\u00a0") + "…"


def _joins(character: str) -> bool:
    """Whether a character goes together with the one before it."""
    return (
        unicodedata.category(character).startswith("M")
        or character in "\u200d\ufe0e\ufe0f"
        or "\U0001f3fb" <= character <= "\U0001f3ff"
    )
