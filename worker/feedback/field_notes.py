"""Read what people wrote beside the numbers of a phone field: "415-555-2671 DO NOT CALL".

Words that say so and little else are a report, as a tick of a flag would be. Where more is said
("do not call before 9", "was disconnected, works again"), a person reads it. All other notes ("ask
for Kim", "Fax") say nothing of whether a number may be contacted.

The company's own words for call outcomes (`feedback.dispositions`) count as well. Nobody has
published how people write this; the phrases are what agents' tools call their outcomes, in the
languages in which replies are read.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal

from msgspec import Struct

from config.feedback import Dispositions
from worker.feedback.models import ContactIdentity, Feedback, FeedbackKind, ReviewDecision

NoteMeaning = Literal[
    "do_not_contact", "do_not_call", "do_not_text", "wrong_number", "disconnected"
]

# Found anywhere in a note.
_PHRASES: Mapping[NoteMeaning, Sequence[str]] = {
    "do_not_contact": (
        "do not contact", "don't contact", "dont contact", "no contact", "never contact",
        "do not disturb", "opted out", "opt out", "optout", "unsubscribed", "unsubscribe",
        "remove from list", "requested no contact",
        "nicht kontaktieren", "kein kontakt", "ne pas contacter", "ne plus contacter",
        "no contactar", "non contattare", "não contactar", "nao contactar", "não contatar",
        "nao contatar", "nie kontaktować", "nie kontaktowac", "не беспокоить", "не турбувати",
    ),
    "do_not_call": (
        "do not call", "don't call", "dont call", "do not phone", "don't phone", "do not ring",
        "don't ring", "do not dial", "never call", "no calls", "no call", "no phone calls",
        "stop calling", "dnc", "donotcall", "don t call",
        "nicht anrufen", "nicht mehr anrufen", "keine anrufe", "kein anruf",
        "ne pas appeler", "ne plus appeler", "pas d'appel", "pas d'appels",
        "no llamar", "no llamar más", "no llamar mas", "non chiamare", "non chiamare più",
        "não ligar", "nao ligar", "não telefonar", "nao telefonar",
        "nie dzwonić", "nie dzwonic", "не звонить", "не телефонувати", "не дзвонити",
    ),
    "do_not_text": (
        "do not text", "don't text", "dont text", "no texts", "no text", "no sms", "never text",
        "stop texting", "do not sms", "keine sms", "pas de sms", "no enviar sms", "sin sms",
        "niente sms", "sem sms", "bez sms", "без смс",
    ),
    "wrong_number": (
        "wrong number", "wrong no", "wrong num", "wrong nbr", "wrong phone", "wrong person",
        "incorrect number", "not the right number",
        "not his number", "not her number", "not their number",
        "falsche nummer", "falsche nr", "falsche tel", "mauvais numéro", "mauvais numero",
        "faux numéro", "faux numero", "número equivocado", "numero equivocado",
        "número erróneo", "numero erroneo", "número incorrecto", "numero incorrecto",
        "numero sbagliato", "numero errato", "número errado", "numero errado",
        "zły numer", "zly numer", "błędny numer", "bledny numer",
        "неверный номер", "неправильный номер", "не тот номер", "невірний номер",
        "неправильний номер",
    ),
    "disconnected": (
        "disconnected", "no longer in service", "not in service", "out of service",
        "number does not exist", "invalid number", "bad number",
        "kein anschluss", "nicht vergeben", "außer betrieb", "ausser betrieb",
        "hors service", "non attribué", "non attribue", "fuera de servicio", "no existe",
        "inesistente", "non attivo", "inexistente", "numer nie istnieje", "nieaktywny",
        "не обслуживается", "не существует", "не обслуговується", "не існує",
    ),
}  # fmt: skip
# A note that is nothing but one of these.
_WHOLE: Mapping[str, NoteMeaning] = {
    "stop": "do_not_contact", "wrong": "wrong_number", "disc": "disconnected",
    "disco": "disconnected", "discd": "disconnected", "dead": "disconnected",
    "dnt": "do_not_text",
}  # fmt: skip
# Words beside a phrase that do not change what it says.
_FILLERS = frozenset(
    "a again and any anymore as asked at at's bitte by cell client client's contact contact's "
    "cust customer customer's direct do ever fax favor for from gracias h he her him his home "
    "i is it landline line list m main me merci mob mobile more nr num number of "
    "office on or over par patient per ph phone please pls por proszę r ref request requested svp "
    "requests s see she tel tel. telephone that the them they this to uk us usa w we work x "
    "ext jan feb mar apr may jun jul aug sep sept oct nov dec january february march april june "
    "july august september october november december пожалуйста будь ласка".split()
)  # fmt: skip
_MEANINGS = {phrase: meaning for meaning, phrases in _PHRASES.items() for phrase in phrases}
# The longest first: "no longer in service" is not "in service".
_PHRASE = re.compile(
    r"(?<![\w'])(?:"
    + "|".join(re.escape(phrase) for phrase in sorted(_MEANINGS, key=len, reverse=True))
    + r")(?![\w'])"
)
_ABBREVIATED = re.compile(r"\b(?:[a-z]\.){2,}[a-z]?\b\.?")  # d.n.c.
_NO_WORD = re.compile(r"[^\w']+|[\d_]+")
_LONGEST = 500  # characters of a note that are read
NOTE = "note:"  # begins their keys
_WRITTEN_AT = re.compile(r"@\d+(?=:)")
SOURCE = " field"  # ends the source of what a note said
STOPS: Mapping[NoteMeaning, str] = {  # the channels that each closes
    "do_not_contact": "call text",
    "do_not_call": "call",
    "do_not_text": "text",
}
_KINDS: Mapping[NoteMeaning, FeedbackKind] = {
    **dict.fromkeys(STOPS, FeedbackKind.OPT_OUT),
    "wrong_number": FeedbackKind.WRONG_NUMBER,
    "disconnected": FeedbackKind.UNDELIVERABLE,
}


class FieldNote(Struct, frozen=True):
    """What a note says. `clear`: it says that and nothing else; otherwise a person reads it.
    `words`: as they stand there, for the evidence."""

    meanings: tuple[NoteMeaning, ...]
    clear: bool
    words: str


def read_note(note: str, outcomes: Dispositions) -> FieldNote | None:
    """Return what the words beside a number say of contacting it; None where that is nothing.

    >>> read_note("DO NOT CALL!! per client 3/14/2021", Dispositions())
    FieldNote(meanings=('do_not_call',), clear=True, words='DO NOT CALL!! per client 3/14/2021')
    >>> read_note("do not call before 9am", Dispositions()).clear
    False
    >>> read_note("ask for Kim", Dispositions()) is None
    True
    """
    note = note[:_LONGEST]
    plain = _plain(note)
    if not plain:
        return None
    words = " ".join(note.split())
    if meaning := _WHOLE.get(plain) or _outcome(plain, outcomes):
        return FieldNote((meaning,), True, words)
    meanings: dict[NoteMeaning, None] = {}

    def taken(phrase: re.Match[str]) -> str:
        meanings[_MEANINGS[phrase[0]]] = None
        return " "

    rest = _PHRASE.sub(taken, plain)
    if not meanings:
        return None  # nearly all
    return FieldNote(tuple(meanings), set(rest.split()) <= _FILLERS, words)


def _plain(note: str) -> str:
    """Return the words of a note in lower case, without digits and marks."""
    text = unicodedata.normalize("NFKC", note).casefold().replace("\u2019", "'")
    text = _ABBREVIATED.sub(lambda letters: letters[0].replace(".", "") + " ", text)
    text = re.sub(r"#", " number ", text)
    return " ".join(_NO_WORD.sub(" ", text).split())


def _outcome(plain: str, outcomes: Dispositions) -> NoteMeaning | None:
    """Return the meaning of a note that is the name of a call's outcome."""
    match outcomes.meaning_of(plain):
        case "do_not_call" if plain not in _PHRASES["do_not_contact"]:
            return "do_not_call"
        case "wrong_number":
            return "wrong_number"
        case "disconnected":
            return "disconnected"
    return None


def source_of(connector: str) -> str:
    """Return the source of what a note in this CRM said."""
    return f"{connector}{SOURCE}"


def note_in(source: str) -> str:
    """Return the CRM whose note this source is; "" for other sources."""
    return source.removesuffix(SOURCE) if is_note(source) else ""


def is_note(source: str) -> bool:
    """Whether a report or a review came from a note in a phone field, by its source."""
    return source.endswith(SOURCE)


def reports_from_note(
    connector: str,
    identity: ContactIdentity,
    statement: str,
    note: FieldNote,
    numbers: Sequence[str],
    at: datetime,
) -> list[Feedback]:
    """Return what a clear note reports; nothing where a person has to read it.

    *Do not call* is about that person, as a tick of the flag is; it holds for the record where
    nothing in the field can be read. *Wrong number* is about the number beside it: of several,
    nobody knows which one. `statement`: see `statement_key`.
    """
    if not note.clear or needs_person(note, numbers):
        return []
    stops = [meaning for meaning in note.meanings if meaning in STOPS]
    about = {meaning: numbers or [""] * (meaning in stops) for meaning in note.meanings}
    return [
        Feedback(
            key=f"{statement}:{meaning}:{number}",
            kind=_KINDS[meaning],
            number=number,
            source=source_of(connector),
            at=at,
            channels=STOPS.get(meaning, ""),
            contact=identity.key,
            scope="person" if meaning in stops else "number",
            person=identity.person,
            evidence=f"the phone field says “{note.words[:60]}”",
            severity="dead" if meaning == "disconnected" else "",
        )
        for meaning in note.meanings
        for number in about[meaning]
    ]


def needs_person(note: FieldNote, numbers: Sequence[str]) -> bool:
    """Whether a person reads the note, beside these numbers: it says more, or nobody knows which of
    several numbers it is about. Where there is none, there is nothing to decide."""
    of_number = any(meaning not in STOPS for meaning in note.meanings)
    return bool(numbers) and (not note.clear or (of_number and len(numbers) > 1))


def statement_key(
    identity: ContactIdentity, field: str, note: FieldNote, written_at: datetime | None
) -> str:
    """Return what begins the idempotency keys of what a note says.

    The same words count once, also after somebody has cleared the flag that came of them; words
    that somebody has written since we read the field (`written_at`) are said anew.
    """
    # Hashed: names as long as they may be would leave no room for what a key tells apart.
    said = "\0".join((identity.key, field, note.words.casefold()))
    digest = hashlib.blake2b(said.encode(), digest_size=16).hexdigest()
    when = f"@{written_at.timestamp() * 1000:.0f}" if written_at else ""
    return f"{NOTE}{digest}{when}"


def without_time(key: str) -> str:
    """Return a key as that of the same words whenever they were written.

    >>> without_time("note:ab12@1700000000000:do_not_call:+1")
    'note:ab12:do_not_call:+1'
    """
    return _WRITTEN_AT.sub("", key)


def suggestion(note: FieldNote) -> ReviewDecision:
    """Return what a person who reads the note is offered first."""
    if any(meaning in STOPS for meaning in note.meanings):
        return ReviewDecision.OPT_OUT
    return ReviewDecision.WRONG_NUMBER
