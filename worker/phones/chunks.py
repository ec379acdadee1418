"""Cut the text of a phone field into chunks of digits.

A chunk is a run of digits with the marks that people put inside a number. A comma, a semicolon, a
slash, a line break or a word ends it, and so does a plus, which begins a number. What letters touch
is marked as spoilt: an order number, a mask (`415-555-XXXX`) and a slip of the keyboard (`5OOO`)
hold digits, but no phone number. Dates, times and codes that are dialled before a number are no
chunks.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from msgspec import Struct

from worker.phones.asides import BLANK
from worker.phones.extensions import CANONICAL
from worker.phones.text import is_luhn

_DIGITS = re.compile(r"\D")
_STAR = re.compile(r"(?<=\d)\*(?=\d{3,5}(?![\d*]))", re.ASCII)  # "52402321*110"
_DIGIT = re.compile(r"\d")
# Marks inside a number. A colon only between digits: behind a label it ends the label.
_MARK = r"[ \t\f\v().\[\]{}~*_·•・\-\\]|(?<=\d):(?=\d)"
_CHUNK = re.compile(rf"(?:[+(\[{{] *){{0,4}}\d(?:(?:{_MARK}){{0,4}}\d)*[)\]}}]?", re.ASCII)
AND = "or|oder|ou|und|and|et|y|o|e|i|lub|или|и|або|oraz|eller|of|og|och"
_JOINT = re.compile(
    rf"\s*(?:[;|,&/\n\r+]|(?:{AND})(?![^\W\d_]))(?:\s*[;|,&/\n\r])*\s*", re.IGNORECASE
)
# A word or letter that people put before or behind a number without a space.
_LABEL_WORDS = (
    "tel|telefon|telephone|ph|phone|fax|mob|mobile|cell|handy|office|home|work|desk|direct"
    "|тел|телефон|факс|моб|ф|т|電話|電"
)
_LABEL_LETTERS = "[tmfpchwd]"
LABELS = f"{_LABEL_WORDS}|{_LABEL_LETTERS}"
_LABEL_BEFORE = re.compile(
    rf"(?:(?<![^\W\d_])(?:{_LABEL_WORDS})|(?<![^\W_]){_LABEL_LETTERS})[-.:]?\Z", re.IGNORECASE
)
_LABEL_BEHIND = re.compile(
    rf"[-_.]?(?:(?:{_LABEL_WORDS})(?![^\W\d_])|{_LABEL_LETTERS}(?![^\W_]))", re.IGNORECASE
)
# A word whose space was lost: "020 7219 4272Reception". Codes and masks are in capitals alone.
_TITLE = "[A-Z][a-z]{3}"
_LONGEST_SLIP = 2  # characters
# Latin ones alone: other scripts write without spaces. One letter behind a number is a slip, unless
# it has the looks of a digit.
_LETTER_BEFORE = re.compile(r"[A-Za-z][-_#]?\Z")
_LETTER_BEHIND = re.compile(
    rf"(?!{_TITLE})[-_]?(?:[A-Za-z]{{2}}|[A-Za-z]\d|[OoIilSsBZzQG](?![A-Za-z]))"
)
# Words that announce a number of another kind: an order, a customer, a tax office, a meeting.
_OTHER_NUMBER = re.compile(
    r"(?:(?<![^\W\d_])(?:order|invoice|inv|acct|account|case|ticket|booking"
    r"|reservation|confirmation|tracking|reference|ref|policy|claim|serial|sku|po\s?box|p\.?o\.?|zip"
    r"|aadhaar|abn|bsb|aba|routing|sort code|duns|d-u-n-s|dea|mrn|imei|iccid|isbn|ean|gstin|vin"
    r"|contract|model|lot|qty|quantity|build|revenue|cid|vat\s[a-z]{2}"
    r"|postcode|postal code|ssn|ein|vat|tax|tin|id|passport|licen[cs]e|zoom|meeting|webinar|pin"
    r"|code|passcode|password|iban|bic|swift|skype|live(?=:)|room|rm|suite|ste|apt|floor|npi"
    r"|kd|kdnr|kundennr|kundennummer|rechnung|rechnungsnr|bestell|bestellnr|auftrag|ust|steuernr|hrb"
    r"|plz|postfach|zi|zimmer|(?:bank)?konto(?:nr|nummer)?|blz"
    r"|rekening(?:nr|nummer)?|compte(?:\sbancaire)?|conta(?:\s(?:bancária|corrente|poupança))?"
    r"|(?:credit|debit|bank|payment)\s?card|kreditkarte|carte (?:bancaire|bleue|de crédit)|tarjeta"
    r"|tilinumero|tilinro|rachunek|rachunku|účtu|účet|(?:bank)?számlaszám|hesap|рахунок|счет"
    r"|口座番号|账号|帳號|계좌번호"
    r"|siren|siret|rcs(?:\s[^\W\d_]+)?|tva|facture|commande|bp|cedex|boîte postale"
    r"|p\.?\s?iva|c\.?f|codice fiscale|partita iva|fattura|ordine"
    r"|(?:customer|client|member|unit|run|card)(?=[\s.:#]{1,3}(?:no|nr|number|num|id)\b)"
    r"|nif|cif|nie|dni|rut|ruc|rfc|curp|cuit|cuil|nit|cnpj|cpf|cep|pedido|factura|cuenta"
    r"|nip|regon|krs|pesel|faktura|zamówienie|инн|огрн|кпп|заказ|счёт|договор|єдрпоу|іпн"
    r"|y-tunnus|org\.?\s?nr|cvr|kvk|bsn|mst|ird|abn|acn|gst|pan|ח\.פ|ע\.מ)"
    r"[\s.:#№-]{0,4}(?:(?:no|nr|number|num|id|numéro|número|n[o°º]|[A-Z])[\s.:#-]{0,3})?"
    r"(?:(?:is|ist|est|es|é|è|er|är|jest)[\s:]{1,2})?"
    r"|〒\s?|(?<!\x1a)#\s?|(?:[€$£¥₹]|\b(?:eur|usd|gbp|chf|kr))\s?)\Z",
    re.IGNORECASE,
)
# Some of these words behind the digits: "123 4567 82 VAT". In capitals, and with nothing behind
# that they may announce instead. Departments (accounts, orders) have phones: they are not here.
_OTHER_NUMBER_BEHIND = re.compile(
    r"\s{0,2}[(\[]?(?:VAT|SSN|EIN|TIN|NPI|ABN|ACN|UEN|DUNS|GSTIN|CVR|KvK|KVK|HRB|IBAN|SIREN|SIRET|TVA"
    r"|NIP|REGON|KRS|PESEL|NIF|CIF|DNI|RUT|RUC|CURP|CUIT|CUIL|NIT|CNPJ|CPF|ИНН|ОГРН|КПП|ЄДРПОУ|ІПН)"
    r"(?:[\s-](?:[Nn][or]|[Nn]umber|ID)\.?)?[)\]]?\s*(?=[,;|/\n]\s*[^\W\d]|\Z)"
)
# "Ph#", "Cell #:": the number of a telephone.
_PHONE_SIGN = re.compile(
    r"(?<![^\W_])(?:ph|phone|tel|telephone|cell|cellphone|mobile|mob|home|work|office|business"
    r"|direct|main|contact|alt|fax|[hwcmoftp])\.?\s?#[\s.:-]{0,3}\Z",
    re.IGNORECASE,
)
_PLACE = re.compile(
    r"(?<![^\W\d_])(?:room|rm|suite|ste|apt|floor|zi|zimmer|unit|run|bp"
    r"|boîte postale|cedex|postfach|po\s?box|p\.?o\.?|plz|zip|postcode|postal code|code|pin|cep)"
    r"[\s.:#№-]{0,4}\Z|(?:#|〒)\s?\Z",
    re.IGNORECASE,
)
_CEP = re.compile(r"(?<![^\W\d_])cep[\s.:-]{0,3}\Z", re.IGNORECASE)
_LONGER_THAN_A_CEP = (
    10  # digits: postcodes of Brazil have eight, and mobiles of Turkey are called so
)
# "1200 €", but not "+49 30 901820 €1200"
_MONEY = re.compile(r"\s?(?:[€$£¥₹%]|(?:eur|usd|gbp|chf|kr)\b)(?!\s?[\d\x1a])", re.IGNORECASE)
_CURRENCY_BEHIND_AMOUNT = re.compile(rf"{BLANK}\s?(?:[€$£¥₹]|\b(?:eur|usd|gbp|chf|kr))\s?\Z", re.I)
_SLIP = re.compile(rf"[-_]?(?:[A-Za-z](?![A-Za-z\d])|[*#?_…•](?![\d*#?_]))|{_TITLE}")
_WORD_BEFORE = re.compile(r"[^\W\d_]\s*\Z|〒\s*\Z")
_WORD_BEHIND = re.compile(r"(?![OoIilSsBZzQG]+(?![^\W_]))\s{0,2}[^\W\d_]{2}")
_MASK = re.compile(r"[ ).\-]{0,3}(?:[Xx#?…•]{2,}|[*_]{2,})")

# Day and month, in either order; their numbers tell a date from "2021-51-77" and "65-32-2051".
_MONTH, _DAY = r"(?:0?[1-9]|1[0-2])", r"(?:0?[1-9]|[12]\d|3[01])"
_HOUR = r"\d{1,2}(?:[:.]\d\d)?\s?(?:am|pm|a\.m\.|p\.m\.|h|hrs|uhr)\b\.?"
HOURS = r"(?:0?[6-9]|1[0-2])\s?-\s?(?:1[2-9]|2[0-4])"  # "9-17"
_TIME = r"\d{1,2}:\d\d(?::\d\d)?(?:\s?[ap]\.?m\b\.?)?"
_CLOCK = r"T\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?"  # behind a day (ISO 8601)
_DEGREES = r"-?(?!0\d)\d{1,3}\.\d{4,7}"  # a place on the map
_BYTE = r"(?!0\d)(?:25[0-5]|2[0-4]\d|1?\d?\d)"
# Written as they are; their digits belong to no number. What all begin with is looked for first.
_ASIDE = re.compile(
    r"(?=[\d*#])(?<!\w)(?:"
    rf"(?<![\w.:+])(?:{_HOUR}|{_TIME})(?:\s?[-–/]\s?(?:{_HOUR}|{_TIME}|\d{{1,2}}\b))?(?![:\d])"
    rf"|(?<![\w.:+])\d{{1,2}}\s?[-–]\s?(?:{_HOUR})"
    # "(8-10-2023) 760-9074": what is dialled before Egypt's code, not a date
    rf"|(?<![\w.+/-])(?!8-10-\d{{4}}\)\s*\d)(?:{_DAY}([./-]){_MONTH}\1|{_MONTH}([./-]){_DAY}\2)"
    r"(?:19|20)\d\d(?![\w-]|[./]\d)"
    rf"|(?<![\w.+/-])(?:{_DAY}/{_MONTH}|{_MONTH}/{_DAY})/\d\d(?!\s?\d|[\w/-])"
    rf"|(?<![\w.+/-])(?:19|20)\d\d([./-]){_MONTH}\3{_DAY}(?:{_CLOCK}|(?![\w-]|[./]\d))"
    rf"|(?<![\w.+-]){_DEGREES}\s?[,;]\s?{_DEGREES}(?![\d.])"
    rf"|(?<=\s)(?=\S{{0,9}}\d{{3}}){_BYTE}(?:\.{_BYTE}){{3}}(?![\d.-])"  # a computer's address
    r"|\b24\s?/\s?7\b|(?<=\s)\d{1,3}(?:[.,]\d{1,2})?\s?%"
    rf"|(?<=\d\s){HOURS}\Z"
    r"|(?<!\S)\d[.)]\s+(?=[+(\d])"  # the numbers of a list: "1) ... 2) ..."
    # "Do not show my number", dialled before it: #31#, *31#, *67
    r"|(?<!\S)[*#]\d{2,3}[*#](?=\s?[+(\d])|(?<!\S)\*\d{2}[\s-](?=[+(\d]))",
    re.IGNORECASE,
)
_ADDRESS = re.compile(r"(?:https?://|www\.)\S+", re.IGNORECASE)  # of a page
_SUM = re.compile(r"[€$£¥₹]\s?\d[\d.,]*")
_CARD = re.compile(r"(?<![\d+])(?:4\d{3}|5[1-5]\d\d|6011|65\d\d)(?:[ -]\d{4}){3}(?![ -]?\d)")
_LONGER_THAN_A_CARD = 23  # characters: a text with a number beside it has more
_ODD = re.compile(r"[\t\f\v_·•・*{}\[\]:\\]")
# An extension, also behind a word in brackets: "(standard) poste 4512".
_EXTENSION = re.compile(rf"(?:\s*\([^()\d]*\)\s*)?{CANONICAL.pattern}")
_SLASH_AND_DASH = re.compile(r"/\s*-\s*\Z")  # "2275150/-51"
_IN_BRACKETS = re.compile(r"\s*\([^()\d]*\)")
_ONE_LABEL = re.compile(
    rf"[\s,;/]*(?:[^\W\d_]{{1,24}}\s?[.:-]{{1,2}}|(?:{LABELS})(?![^\W\d_]))\s*", re.IGNORECASE
)
_WHOLE = 7  # digits
_BREAK = re.compile(r"[(\[{]|\s-\s+(?=[\d(+])|~(?=\d{1,2}\Z)")
_WIDE = re.compile(r"(?<=\d)(?:\s*[•·]\s+|\t\s*|\s{2,})(?=[\d(])")
_LONGEST_E164 = 15  # digits
_TRUNK_BEHIND = re.compile(r"(?<=\d)\s+[178]\s*\Z")


class Chunk(Struct, frozen=True):
    """A run of digits, odd marks in it as spaces.

    `joint`: what joins it to the chunk before (",", "/", "\\n", "and"; "label" for one word with a
    full stop or colon), "" where other words do; `glued`: without a space. `start`, `end`: its
    place in the text. `extension`: what stood behind it. `spoilt`: letters or a mask touch it.
    `slip`: a single letter or mark does, which may stand for a digit, or (`word_glued`) a word,
    before which one may be missing. `words`: words stand directly before and behind it.
    `announced`: a word says that its first group is an id.
    """

    text: str
    start: int
    end: int
    joint: str = ""
    glued: bool = False
    extension: str = ""
    spoilt: bool = False
    slip: bool = False
    words: tuple[bool, bool] = (False, False)
    announced: bool = False
    word_glued: bool = False

    @property
    def digits(self) -> str:
        return _DIGITS.sub("", self.text)


def chunks_of(text: str) -> list[Chunk]:
    """Return the chunks of a text with canonical extensions, in order."""
    if "://" in text or "www." in text:
        text = _ADDRESS.sub(_without_digits, text)
    if "$" in text or "€" in text or "£" in text or "¥" in text or "₹" in text:
        text = _SUM.sub(_without_digits, text)
    if "*" in text:
        text = _STAR.sub("-", text)
    if text[_LONGER_THAN_A_CARD:]:
        text = _CARD.sub(_without_card, text)
    return list(_scan(_ASIDE.sub(_without_digits, text)))


def _without_card(found: re.Match[str]) -> str:
    """The number of a payment card with its digits blanked; other digits as they are."""
    return _DIGIT.sub(BLANK, found.group()) if is_luhn(_DIGITS.sub("", found.group())) else found[0]


def _without_digits(aside: re.Match[str]) -> str:
    """What stands aside with its digits blanked; "1)" as it is where it closes "(+36 1)"."""
    before = aside.string[: aside.start()]
    if aside.group()[1:2] == ")" and before.count("(") > before.count(")"):
        return aside.group()
    return _DIGIT.sub(BLANK, aside.group())


def _scan(text: str) -> Iterator[Chunk]:
    # Where a word before or behind tells a number of another kind, or money stands behind it, all
    # digits are that; behind the word for a room or a box, only the first group is.
    before = 0
    match = _CHUNK.search(text)
    while match is not None:
        start, end = match.span()
        end = start + len(_closed(match.group()))
        match_end, behind = end, text[end:]
        extension = ""
        if marked := _EXTENSION.match(behind):
            extension = marked.group(1)
            end += marked.end()
        between = text[before:start]
        before_it, behind_it = text[:start], "" if extension else behind
        slip = _SLIP.match(behind_it)
        is_announced = _is_announced(before_it, match.group())
        is_marked = _MONEY.match(behind_it) is not None
        if behind_it and text[start] != "+" and _OTHER_NUMBER_BEHIND.match(behind_it):
            is_marked = _LABEL_BEFORE.search(before_it.rstrip()) is None
        is_other = is_marked or (is_announced and _PLACE.search(before_it) is None)
        yield Chunk(
            _ODD.sub(" ", text[start:match_end]).replace("~", "-").strip(),
            start,
            end,
            _joint(between),
            not between[-1:].isspace(),
            extension,
            is_other or is_announced or _is_touched(before_it, behind_it),
            slip is not None,
            (False, False) if is_other else _words(before_it, behind_it),
            is_announced and not is_marked and not _is_touched(before_it, behind_it),
            slip is not None and slip.end() > _LONGEST_SLIP,
        )
        before = end
        match = _CHUNK.search(text, end)


def _closed(run: str) -> str:
    """Cut off what cannot belong to a number that is whole: what is in brackets behind it ("+91 11
    4728 9900 (30 lines)"), and what a dash between spaces sets apart."""
    if run[0] == "+" and run[_LONGEST_E164:] and len(_DIGITS.sub("", run)) > _LONGEST_E164:
        run = _WIDE.split(run, 1)[0]  # a tab, or a dot between: "+49 30 901820 • 0171 2345678"
    for match in _BREAK.finditer(run):
        before = run[: match.start()]
        if match.group() == "(":
            before = _TRUNK_BEHIND.sub("", before)  # "8 (495) 123-45-67 8 (495) 123-45-68"
        whole = len(_DIGITS.sub("", before)) >= _WHOLE
        if whole or (match.group()[0].isspace() and run[match.end()] in "0(+"):
            return before.rstrip()
    return run


def _joint(between: str) -> str:
    between = _SLASH_AND_DASH.sub("/", _IN_BRACKETS.sub("", between))
    if between.strip(" \t") in ("", "-"):
        return between.strip(" \t")
    if _JOINT.fullmatch(between) is None:
        return "label" if _ONE_LABEL.fullmatch(between) else ""
    mark = between.strip(" \t")[:1]
    return "and" if mark.isalpha() else "\n" if mark in "\r\n" else mark


def _is_phone_label(before: str, run: str) -> bool:
    if "#" in before and _PHONE_SIGN.search(before):
        return True
    return _CEP.search(before) is not None and len(_DIGITS.sub("", run)) >= _LONGER_THAN_A_CEP


def _words(before: str, behind: str) -> tuple[bool, bool]:
    is_joined = _JOINT.match(behind) is not None or _ONE_LABEL.match(behind) is not None
    return (
        _WORD_BEFORE.search(before) is not None and _LABEL_BEFORE.search(before.rstrip()) is None,
        _WORD_BEHIND.match(behind) is not None and not is_joined,
    )


def _is_announced(before: str, run: str) -> bool:
    """Whether a word announces a number of another kind. A plus begins a phone number, whatever
    "ID", "KR" or "#" stand for before it."""
    announced = _OTHER_NUMBER.search(before) if run[0] != "+" else None
    if announced is None or _is_phone_label(before, run):
        return False
    return BLANK not in before or _CURRENCY_BEHIND_AMOUNT.search(before) is None


def _is_touched(before: str, behind: str) -> bool:
    """Whether letters or a mask touch a chunk."""
    if _LETTER_BEFORE.search(before) and not _LABEL_BEFORE.search(before):
        return True
    if _MASK.match(behind):
        return True
    return _LETTER_BEHIND.match(behind) is not None and _LABEL_BEHIND.match(behind) is None
