"""Brings what people type into one form, so that a phrase is written down once."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator
from functools import lru_cache
from itertools import repeat
from operator import mul

MAX_READ = 1600  # characters of an SMS in parts
MAX_SCANNED = 10 * MAX_READ  # characters that are looked at for what is worth reading
MAX_PARTS = 100  # sentences, and parts between commas, of a message
_MAX_SIGNS = 40  # stop signs of a message that are read: each stands for a word
_RUN = re.compile(r"(\W)\1{3,}")
_HAS_CONTENT = re.compile(r"[\w🛑]")
_LETTERS = {"ł": "l", "ø": "o", "đ": "d", "ı": "i", "æ": "ae", "œ": "oe", "ß": "ss"}
_APOSTROPHES = re.compile("['’‘`´ʼ＇]")
_WORDS = re.compile(r"[\w#]+")
_FEW = 30  # characters of a kind, up to which it is quicker to leave out one after the other
_SENTENCE = re.compile(r"([^.!?;\n…]+)([.!?;\n…]*)")
_TITLE = re.compile(r"\b(mrs?|ms|dr|sra?|sig|hr|fr|prof)\.(?=\s)", re.IGNORECASE)
_SPELLED_OUT = re.compile(r"\b\w(?:[\s.\-_*]\w){3,}\b")  # s t o p
_EMOTICON = re.compile(r"[:;=]['’]?-?(?:[pPbBdD]+|[()\[\]{}/\\|*<>@$oO03]+)(?!\w)")
# What a phone adds below a message.
_SIGNATURE = re.compile(
    r"\s*(?:sent (?:from|via)|get outlook|enviado (?:desde|do|a partir)|envoy[eé] (?:de|depuis)"
    r"|(?:von meinem .{1,20} )?gesendet|inviato da|wys[lł]ano z|отправлено|надіслано)",
    re.IGNORECASE,
)
_NAME = r"[A-ZÀ-ÖØ-ÞА-ЯІЇЄҐ][\w'’.-]{1,20}"
_NAME_BELOW = re.compile(
    rf"(?:\n\s*(?:(?:[Tt]hanks?|[Tt]hx|[Dd]anke|[Mm]erci|[Gg]racias|[Gg]razie)[,.!]?\s+)?"
    rf"|\s[-–—~]\s?){_NAME}(?: {_NAME}){{0,2}}\s*\Z"
)
_ELONGATED = re.compile(r"([^\W\d])\1{2,}")
# Words that ask whether a demand was heard: "stop calling me, ok?" is no question.
_HEARD = re.compile(
    r"[,\s]\s*[¿]?(?:ok|okay|okey|k|al ?right|got it|understood|get it|capisce|vale|entendido"
    r"|de acuerdo|estamos|verstanden|klar|gut|d['’]accord|compris|c['’]est clair|va bene|capito"
    r"|chiaro|d['’]accordo|dobrze|jasne|okej|zrozumiano|t[aá](?: bom)?|certo|entendeu|beleza|ладно"
    r"|хорошо|понятно|ясно|ок|окей|добре|зрозуміло|гаразд)\s*\Z",
    re.IGNORECASE,
)
# A question about us at the end of a sentence: "stop calling me, who are you?"; "how can I help?"
# is none.
_ASKS_AT_LAST = re.compile(
    r"(?:,\s*¿?|¿)(?=(?:(?:and|but|so|y|pero|et|mais|und|aber|e|mas|ma|a|i|ale|и|но|а|та|але)\s+)?"
    r"(?:who|why|(?:how|where) (?:did|do|come|the)|qui[eé]n|por ?qu[eéê]|d[eé] d[oó]nde|qui"
    r"|pourquoi|d['’]o[uù]|wer|warum|wieso|woher|quem|de onde|chi|perch[eé]|da dove|kto|kim"
    r"|sk[aą]d|dlaczego"
    r"|czemu|кто|почему|зачем|откуда|хто|чому|навіщо|звідки)\b)",
    re.IGNORECASE,
)
# What begins like this depends on the rest, or asks itself.
_DEPENDS = re.compile(
    r"(?:if|when|once|is|are|am|was|were|do|does|did|have|has|can|could|will|would|should|may"
    r"|si|cuando|quand|wenn|falls|ist|sind|se|quando|je[sś]li|kiedy|czy|если|когда|якщо|коли|чи)\b",
    re.IGNORECASE,
)
# Letters of the two alphabets that look alike, in small letters.
_TO_CYRILLIC = str.maketrans("aceopxyikmtbh", "асеорхуікмтвн")
_TO_LATIN = str.maketrans("асеорхуікмтвнѕј", "aceopxyikmtbhsj")
_CYRILLIC_LETTER = re.compile("[а-яёђ-џґ]")
_LATIN_LETTER = re.compile("[a-z]")
_MIXED = re.compile(r"\b(?=\w*[a-z])(?=\w*[а-яёђ-џґ])\w+|\b\w*[ѕј]\w*")


def readable(text: str) -> tuple[str, bool]:
    """The beginning of a message that is read, and whether it is all that the message says.

    It has at most `MAX_READ` characters, also once they are brought into their plain form, in which
    one may be eighteen (U+FDFA). Marks that nobody sees, heaps of accents and long runs of one mark
    do not count: they would push out of it what somebody says.
    """
    head, rest = text[:MAX_SCANNED], text[MAX_SCANNED:]
    whole = not rest or rest.isspace()
    if len(text) > MAX_READ:
        seen = _without(_without(head, unicodedata.combining), _is_unseen)
        head = _RUN.sub(r"\1\1\1", seen).strip()
    end = _fitting_length(head)
    complete = whole and _HAS_CONTENT.search(head, end) is None
    return _without_many_signs(head[:end]), complete


def _without_many_signs(text: str) -> str:
    """A text with its first stop signs only: each is read as a word of its own."""
    before, *parts = text.split("🛑", _MAX_SIGNS)
    if len(parts) < _MAX_SIGNS:
        return text
    parts[-1] = parts[-1].replace("🛑", "")
    return "🛑".join([before, *parts])


def _fitting_length(text: str) -> int:
    """How many characters of a text have a plain form of at most `MAX_READ` characters."""
    head = text[:MAX_READ]
    if len(unicodedata.normalize("NFKC", head)) <= MAX_READ:
        return len(head)
    size = 0
    for place, character in enumerate(head):
        size += len(unicodedata.normalize("NFKC", character))
        if size > MAX_READ:
            return place
    return len(head)


def normalize(text: str) -> str:
    """Small letters, no accents, no apostrophes, one blank between words."""
    shown = _without(text.replace("🛑", " stop "), _is_unseen)
    plain = _strip_accents(_APOSTROPHES.sub("", unicodedata.normalize("NFKC", shown)).casefold())
    plain = _SPELLED_OUT.sub(lambda match: re.sub(r"\W", "", match.group()), plain)
    words = " ".join(_WORDS.findall(plain))
    if not words.isascii() and _CYRILLIC_LETTER.search(words):
        words = _MIXED.sub(_in_one_alphabet, words)
    # The pattern is slow, and hardly any text has a letter three times in a row.
    if any(map(words.__contains__, map(mul, set(words), repeat(3)))):
        words = _ELONGATED.sub(r"\1", words)
    return words


def _in_one_alphabet(match: re.Match[str]) -> str:
    """A word whose letters of the one alphabet only look like those of the other."""
    word = match.group()
    for table, other in ((_TO_LATIN, _CYRILLIC_LETTER), (_TO_CYRILLIC, _LATIN_LETTER)):
        if not other.search(one := word.translate(table)):
            return one
    return word


class Folds(dict[str, str]):
    """The plain forms (`normalize`) of the parts of one message, each of which is made once.

    >>> Folds()["Don't text me!"]
    'dont text me'
    """

    def __missing__(self, text: str) -> str:
        self[text] = folded = normalize(text)
        return folded


def without_emoticons(text: str) -> str:
    """Leave out faces made of marks and letters: ":P" is no word.

    >>> without_emoticons("See you at 5! :P")
    'See you at 5!  '
    """
    return _EMOTICON.sub(" ", text)


def without_signature(text: str) -> str:
    """Leave out the line that a phone adds below a message.

    >>> without_signature("STOP\\n\\nSent from my phone")
    'STOP'
    """
    above, line, last = text.rstrip().rpartition("\n")
    return above.rstrip() if line and len(last) <= 100 and _SIGNATURE.match(last) else text


def without_name(text: str) -> str:
    """Leave out the name that somebody signs with, on lines of its own or behind a dash.

    >>> without_name("STOP\\nKim Lee"), without_name("stop - Kim"), without_name("STOP\\nnow")
    ('STOP', 'stop', 'STOP\\nnow')
    """
    match = _NAME_BELOW.search(text.strip())
    return text.strip()[: match.start()].rstrip(" ,") if match else text


def normalize_pattern(pattern: str) -> str:
    """A pattern in the form in which `normalize` leaves text."""
    return _strip_accents(_APOSTROPHES.sub("", pattern))


def sentences(text: str) -> Iterator[tuple[str, bool]]:
    """The sentences as they were typed, and whether each is a question.

    >>> list(sentences("Stop it, ok? Stop texting me, who are you?"))
    [('Stop it, ok', False), ('Stop texting me', False), ('who are you', True)]
    """
    for match in _SENTENCE.finditer(_TITLE.sub(r"\1", text)):
        sentence = match.group(1).strip()
        if not sentence:
            continue
        if "?" not in match.group(2):
            yield sentence, False
            continue
        at_last = _ASKS_AT_LAST.search(sentence, 1)
        if at_last is not None and not _DEPENDS.match(sentence):
            yield sentence[: at_last.start()].strip(), False
            sentence = sentence[at_last.end() :].strip()
            if not sentence:
                continue
        yield sentence, _HEARD.search(sentence) is None


def _strip_accents(text: str) -> str:
    if text.isascii():
        return text
    for letter, plain in _LETTERS.items():
        text = text.replace(letter, plain)
    return _without(unicodedata.normalize("NFD", text), unicodedata.combining)


@lru_cache(maxsize=4096)
def _is_unseen(character: str) -> bool:
    return unicodedata.category(character) == "Cf"


def _without(text: str, is_left_out: Callable[[str], object]) -> str:
    """Leave characters out; looks at each different one once."""
    if text.isascii():  # no marks
        return text
    left_out = [character for character in set(text) if is_left_out(character)]
    if len(left_out) > _FEW:
        return text.translate(dict.fromkeys(map(ord, left_out)))
    for character in left_out:
        text = text.replace(character, "")
    return text
