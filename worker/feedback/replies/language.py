"""What a language file says, and how it is written down.

Patterns are regular expressions over folded text (see `text.fold`): small letters, no accents, no
apostrophes, one blank between words. They may be written with accents and apostrophes themselves.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from worker.feedback.replies.phrases import alternatives, spellings
from worker.feedback.replies.text import normalize_pattern

# What phrases are looked for; each is a field of `Language`.
PhraseKind = Literal[
    "opt_in", "opt_out", "wrong_number", "complaint", "corrected", "confirmed",
    "weak_wrong_number", "asks_how", "uncertain", "weak",
]  # fmt: skip


@dataclass(frozen=True)
class Language:
    """`exact_opt_out`, `exact_opt_in`: keywords, when they are the whole message. `politeness`:
    words that say nothing beside them. `opt_out`, `wrong_number`, `opt_in`: phrases that are clear
    wherever they stand. `declines`: sentences that turn an offer down, or say that nobody agreed to
    it: no request, but a person should read them; a single word is one only as the whole message.
    `uncertain`: phrases that make a sentence unclear. `weak`: words at which
    a person should look when nothing is clear; `weak_wrong_number`: the same, of circumstances
    (a death, a business, "who is this") that a person should know beside a clear request, too.
    `asks_how`: questions how to leave a list or to stop messages, which a person should answer.
    `complaint`: phrases that threaten with an authority, a court or a lawyer, or name harassment.
    `corrected`: phrases that give another number instead; `confirmed`: that the number is right.
    `question_starts`: beginnings of a question; `request_starts`: of one that asks us to do it.
    `call_words`: words that speak of calls. `denials`: before a name, "this is not ...", over the
    words as they were typed.
    """

    code: str
    exact_opt_out: str
    politeness: str
    opt_out: tuple[str, ...]
    wrong_number: tuple[str, ...]
    uncertain: tuple[str, ...]
    weak: tuple[str, ...]
    question_starts: str
    complaint: tuple[str, ...] = ()
    corrected: tuple[str, ...] = ()
    confirmed: tuple[str, ...] = ()
    request_starts: str = ""
    declines: str = ""
    exact_opt_in: str = ""
    opt_in: tuple[str, ...] = ()
    weak_wrong_number: tuple[str, ...] = ()
    asks_how: tuple[str, ...] = ()
    call_words: str = ""
    denials: tuple[str, ...] = ()
    no_such_person: tuple[str, ...] = ()  # before a given name that is surely one, "no ..."
    abbreviations: Mapping[str, str] = field(
        default_factory=dict
    )  # as typed in a hurry -> as meant

    def expand(self, folded: str) -> str:
        """A folded text with its abbreviations written out."""
        words = folded.split()
        if self.abbreviations.keys().isdisjoint(words):
            return " ".join(words)
        return " ".join(map(self.abbreviations.get, words, words))

    def phrases(self, kind: PhraseKind) -> list[str]:
        """The phrases of a kind, each as a pattern of its own, in their order."""
        patterns: tuple[str, ...] = getattr(self, kind)
        return [
            phrase
            for pattern in patterns
            for phrase in alternatives(bounded(normalize_pattern(pattern)))
        ]

    @cached_property
    def opt_out_keywords(self) -> frozenset[str]:
        return spellings(_alternatives(self.exact_opt_out)) - {""}

    @cached_property
    def opt_in_keywords(self) -> frozenset[str]:
        return spellings(_alternatives(self.exact_opt_in)) - {""}

    @cached_property
    def politeness_pattern(self) -> re.Pattern[str]:
        return re.compile(rf"\b(?:{_alternatives(self.politeness)})\b")

    @cached_property
    def polite_phrases(self) -> frozenset[str]:
        """What `politeness_pattern` finds."""
        return spellings(_alternatives(self.politeness))

    @cached_property
    def polite_words(self) -> frozenset[str]:
        """The first words of what `politeness_pattern` finds."""
        return first_words(self.polite_phrases)

    @cached_property
    def words_of_politeness(self) -> frozenset[str]:
        """All words of what `politeness_pattern` finds."""
        return frozenset(word for phrase in self.polite_phrases for word in phrase.split())

    def find_decline(self, folded: str, is_message: bool) -> str:
        """The words with which a sentence declines, as a whole and beside politeness; "" if it does
        not."""
        words = self.expand(folded)
        core = words
        if not self.polite_words.isdisjoint(words.split()):
            core = " ".join(self.politeness_pattern.sub(" ", words).split())
        for said in (words, core):
            if (" " in said or is_message) and self._decline_pattern.fullmatch(said):
                return said
        return ""

    @cached_property
    def _decline_pattern(self) -> re.Pattern[str]:
        """Finds one, or two in a row: "no thanks, but I'm not interested"."""
        lines = filter(None, map(str.strip, self.declines.splitlines()))
        one = bounded(normalize_pattern("|".join(lines))) or "(?!)"
        return re.compile(rf"(?:{_BUT} )?(?:{one})(?: (?:{_BUT} )?(?:{one}))?")

    @cached_property
    def question_pattern(self) -> re.Pattern[str]:
        return re.compile(rf"^(?:{_alternatives(self.question_starts)})\b")

    @cached_property
    def request_pattern(self) -> re.Pattern[str]:
        return re.compile(rf"\b(?:{_alternatives(self.request_starts) or '(?!)'})\b")

    @cached_property
    def call_pattern(self) -> re.Pattern[str]:
        return re.compile(rf"\b(?:{_alternatives(self.call_words) or '(?!)'})")

    def may_deny(self, folded_case: str) -> bool:
        """Whether `denial_pattern` or `no_such_person_pattern` may be found in a text of which
        this is the `folded_case`. It says so quickly: most texts have none of their words."""
        return self._lead_pattern.search(folded_case) is not None

    @cached_property
    def _lead_pattern(self) -> re.Pattern[str]:
        leads = folded_case(bounded("|".join((*self.denials, *self.no_such_person))))
        return re.compile(rf"\b(?:{leads or '(?!)'})\s")

    @cached_property
    def denial_pattern(self) -> re.Pattern[str]:
        return _before_a_name(self.denials)

    @cached_property
    def no_such_person_pattern(self) -> re.Pattern[str]:
        return _before_a_name(self.no_such_person)


def first_words(texts: Iterable[str]) -> frozenset[str]:
    return frozenset(text.split()[0] for text in texts if text)


def folded_case(text: str) -> str:
    """A text in small letters, in which whatever differs by case alone is alike.

    >>> folded_case("I'M NOT")
    "i'm not"
    """
    return text.casefold().replace("\u0307", "").replace("ı", "i")  # of "İ"


def _before_a_name(leads: tuple[str, ...]) -> re.Pattern[str]:
    """A lead in any case, then a name, with a title or without; not somebody's something."""
    title = (
        r"(?i:((?:mrs?|ms|dr|sra?|sig(?:nor(?:a|e)?)?|herrn?|frau|m|mme|monsieur|madame"
        r"|(?:el |la |o |a |il )?(?:se[nñ]ora?|senhora?|signora?)|pan(?:a|i|ia|em)?"
        r"|господин(?:а|у|ом)?|госпож[аеиу]|пан(?:а|у|ові|і)?)\.?\s+))?"
    )
    theirs = r"(?!['’]s\s+(?!phone|number|cell|mobile|line))"
    lead = bounded("|".join(leads)) or "(?!)"
    return re.compile(rf"\b(?i:{lead})\s+{title}([^\W\d_]+)\b{theirs}")


# What joins two sentences that decline.
_BUT = "(?:and|but|so|y|pero|et|mais|und|aber|e|mas|ma|i|ale|и|но|а|та|але|sorry)"
_GROUP = re.compile(r"(\((?:\?(?:[:=!]|<[=!]|i:))?)([^()]*)\)([*+]?)")  # without another in it
_REPEATED = {"*": "{0,8}", "+": "{1,8}"}  # more than anybody writes
_DONE = str.maketrans("()|", "\ue000\ue001\ue002")
_BACK = str.maketrans("\ue000\ue001\ue002", "()|")


def bounded(pattern: str) -> str:
    """A pattern whose choices do not multiply, so that no text makes it try them without end.

    A choice that is repeated finds at most eight in a row. Of choices that have become the same by
    folding one is left, and the free ending of a word is taken as a whole.

    >>> bounded("(?:more |more |no more )+texts")
    '(?:more |no more ){1,8}texts'
    """
    while (match := _GROUP.search(pattern)) is not None:
        opening, inner, times = match.groups()
        choices = list(dict.fromkeys(inner.split("|")))
        if times and len(choices) > 1:
            times = _REPEATED[times]
            choices = [
                f"{choice}+" if choice.endswith((r"\w*", r"\w+")) else choice for choice in choices
            ]
        group = f"{opening}{'|'.join(choices)})".translate(_DONE)
        pattern = pattern[: match.start()] + group + times + pattern[match.end() :]
    return pattern.translate(_BACK)


def _alternatives(words: str) -> str:
    """Alternatives that stand a line or a | apart."""
    choices = [choice.strip() for line in words.splitlines() for choice in line.split("|")]
    return bounded(normalize_pattern("|".join(choice for choice in choices if choice)))
