"""Clean the text of a phone field, and recognise junk, before it is parsed as a number."""

from __future__ import annotations

import html
import re
import unicodedata
from urllib.parse import unquote

MAX_LENGTH = 300  # characters of a field that are looked at; a real one is rarely over 60

# What is not shown, or only changes how the digit before it looks: joiners, marks of direction,
# variation selectors, the square of a keycap (Unicode's Default_Ignorable_Code_Point).
_INVISIBLE = dict.fromkeys(
    (*range(8203, 8208), *range(8234, 8239), *range(8288, 8304), 65279, 173, 847, 1564, 8419,
     *range(6155, 6160), *range(65024, 65040), *range(0xE0000, 0xE0080))
)  # fmt: skip
_PLUSES = "\uff0b\ufe62"
_SPACES = re.compile(r"\s+")
_WRITTEN_BREAK = re.compile(r"\\(?:r\\n|[rn])")  # as programs write a line break
_WRITTEN_SIGN = re.compile(r"\\u00([2a][0-9a-f])", re.IGNORECASE)  # a plus or blank, in JSON
_ENTITY = re.compile(r"&(?:#\d{1,7}|#x[0-9a-f]{1,6}|[a-z]{2,8});", re.IGNORECASE)  # "&nbsp;"
_ESCAPED = re.compile(r"%(?:20|28|29|2B|2D|2E|2F)", re.IGNORECASE)  # marks, in a link
_NO_DIGIT = re.compile(r"\D")
_EXCEL = re.compile(r"[+-]?(\d)(?:[.,](\d+))?E\+?(\d{1,3})", re.IGNORECASE)
# A number as a spreadsheet writes it: "14155550123.00", "14,155,550,123", "14.155.550.123,00".
_AMOUNT = re.compile(
    r"(\+?\d{7,}|\+?(?!0)\d{1,3}(?P<mark>[.,' \u2019])\d{3}(?:(?P=mark)\d{3})+)[.,](\d{1,2})"
)
# Such decimals behind a number with marks of its own. Two zeros behind dots may be its last pair.
_ZEROS_BEHIND = re.compile(r"((?:\D*\d){7,}|\d{4,6})\.0|((?=(?:\D*\d){7,}[.,])[^.,]*\d{4})[.,]00?")
_THOUSANDS = re.compile(r"\+?\d{1,3}(?:,\d{3}){2,}|\+?\d{1,3}(?:['\u2019]\d{3}){2,}")
# "0xx11 ...": in Brazil, xx stands for the carrier that one may choose.
_CARRIER = re.compile(r"(?<!\w)0xx\s?(?=[\d(])", re.IGNORECASE)
_FORMULA_TEXT = re.compile(r"""=\s*(?:T\s*\(\s*)?"+([^"]*)"+\s*\)?""", re.IGNORECASE)
_MONTH, _DAY = r"(?:0?[1-9]|1[0-2])", r"(?:0?[1-9]|[12]\d|3[01])"
# Seconds and a time zone, and whatever is too short to be a number.
_REST_OF_TIME = r"(?::\d\d(?:[.,]\d+)?)?(?:[+-]\d\d:?\d\d)?(?!(?:\D*\d){6}).*"
_DATE = re.compile(
    rf"(?:(?:{_DAY}[./-]{_MONTH}|{_MONTH}[./-]{_DAY})[./-](?:19|20)\d\d"
    rf"|(?:19|20)\d\d-{_MONTH}-{_DAY})(?:[ T]\d{{1,2}}(?:[:.h]\d\d{_REST_OF_TIME})?)?"
    r"|(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])[ T]\d{1,2}:\d\d" + _REST_OF_TIME
)
_COORDINATES = re.compile(
    r"[-+]?(?!0\d)\d{1,3}\.\d{4,}(?:\s*[,;]\s*|\s+)[-+]?(?!0\d)\d{1,3}\.\d{4,}"
)
_COMPUTER_ID = re.compile(
    r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}|(?:[0-9a-f]{2}[:-]){5}[0-9a-f]{2}", re.IGNORECASE
)
# Brazil's numbers of persons and companies, which end in two check digits (Receita Federal).
_CPF_OR_CNPJ = re.compile(r"\d{3}\.\d{3}\.\d{3}-\d\d|\d\d\.\d{3}\.\d{3}/\d{4}-\d\d")
# A Swedish personal number and its like: born on a day of 19.. or 20.., and four digits.
_PERSONAL_ID = re.compile(r"(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])[-+]\d{4}")
_CNPJ = 14  # digits
_EMAIL = re.compile(r"[^\s@]+@[^\s@]+\.[^\s@]+")
_URL = re.compile(r"(?:https?://|www\.|[a-z][a-z0-9-]*\.[a-z]{2,6}/)\S+", re.IGNORECASE)
_IBAN = re.compile(r"[A-Z]{2}\d{2}[A-Z0-9]{11,30}")
_CARD = re.compile(r"[3-6]\d{3}([ -]?\d{4}){3}")
_SEQUENCES = frozenset(
    "1234567890 0123456789 123456789 12345678 1234567 123456 12345 9876543210 0987654321".split()
)
_PLACEHOLDERS = frozenset(
    "n/a na n.a. n.a none no nil null unknown unk tbd tba x xx xxx - -- --- . .. ? ?? ??? test "
    "keine kein ninguno brak нет aucun "
    "nessuno undefined nan (none) (blank) blank empty pending".split()
) | {"not available", "not provided", "not given", "no phone", "no number"}


def clean(raw: str) -> str:
    """One plain line: compatible forms folded, other scripts' digits as 0-9, unseen marks gone."""
    text = raw[: MAX_LENGTH * 4]
    if "&" in text:
        text = _ENTITY.sub(lambda entity: html.unescape(entity[0]), text)
    if not text.isascii():
        text = text.translate(_INVISIBLE)
    if "\\" in text:
        text = _WRITTEN_BREAK.sub("\n", text)
        text = _WRITTEN_SIGN.sub(lambda sign: chr(int(sign[1], 16)), text)
    if "%2" in text and "://" not in text:
        text = _ESCAPED.sub(lambda mark: unquote(mark[0]), text)
    if not text.isascii():
        text = folded_digits(unicodedata.normalize("NFKC", text))
        text = re.sub("[‐-―−]", "-", text)
        text = re.sub("(?<=\\d)[ー一](?=\\d)", "-", text)  # as Japanese keyboards write it
    if not text.isprintable():
        text = "".join(ch if ch.isprintable() or ch in "\n\r\t" else " " for ch in text)
    return text.strip()[:MAX_LENGTH]


def folded_digits(text: str) -> str:
    """Write decimal digits of any script as 0-9, and a fullwidth or small plus as "+".

    >>> folded_digits("\uff0b\uff11\u0664\u0661\u0665") == "+1415", folded_digits("\u00b2")
    (True, '\u00b2')
    """
    if text.isascii():
        return text
    return "".join(
        str(unicodedata.decimal(ch)) if ch.isdecimal() else "+" if ch in _PLUSES else ch
        for ch in text
    )


_TAG = re.compile(r"""href\s*=\s*["']?(tel:[^"'>\s]+)""", re.IGNORECASE)
_TEL = re.compile(r"tel:\s*(?=[+(\d])", re.IGNORECASE)
_SIP = re.compile(r"sips?:(\+?\d{5,15})@\S+", re.IGNORECASE)


# Links that open a chat or a call with a number in international form, without its plus:
# https://faq.whatsapp.com/5913398998672934 (wa.me, api.whatsapp.com),
# https://core.telegram.org/api/links#phone-number-links (t.me/+number).
_CHAT = re.compile(
    r"(?:https?://)?(?:www\.)?"
    r"(?:(?:wa\.me/|(?:api|web)\.whatsapp\.com/send/?\?(?:\S*&)?phone=)"
    r"|(?:t\.me/|signal\.me/#p/)(?=\+|%2b))(?P<plus>\+|%2b)?(?P<number>\d{7,15})(?:[/?&#]\S*)?"
    r"|(?:whatsapp://send/?\?(?:\S*&)?phone=|viber://(?:chat|add|contact)/?\?number=|tg://resolve\?phone="
    r"|skype:(?=\+|%2b))(?P<sign>\+|%2b)?(?P<called>\d{7,15})(?:[?&]\S*)?",
    re.IGNORECASE,
)


_LINKED = re.compile(r"\.me/|phone=|number=|skype:", re.IGNORECASE)


def chat_number(text: str) -> str:
    """Return the number that a link opens a chat or call with, as it stands there; "" for other
    texts. Words may stand beside the link, but no digits.

    >>> chat_number("https://wa.me/442072194272?text=Hello"), chat_number("https://example.com/1")
    ('442072194272', '')
    >>> chat_number("WhatsApp: wa.me/+442072194272")
    '+442072194272'
    """
    is_link = "/" in text or "=" in text or ":" in text
    match = _CHAT.search(text) if is_link and _LINKED.search(text) is not None else None
    if match is None:
        return ""
    if any(map(str.isdigit, text[: match.start()] + text[match.end() :])):
        return ""
    sign = "+" if match["plus"] or match["sign"] else ""
    return sign + (match["number"] or match["called"])


def find_uri(text: str) -> str | None:
    """Return a tel: URI if the text is one (or a link with one, or a number's sip: address)."""
    if "%" in text:
        text = _ESCAPED.sub(lambda mark: unquote(mark[0]), text)
    if match := _TAG.search(text):
        return match.group(1)
    if match := _SIP.fullmatch(text):
        return "tel:" + match.group(1)
    # Several numbers or words behind it: then it is a text like any other.
    if _TEL.match(text) and not re.search(r"\s[^\W\d_]|[,|\n]|\s/", text):
        return "tel:" + _TEL.sub("", text, count=1)
    return None


def is_invisible(raw: str) -> bool:
    """Return whether a text holds only spaces and invisible marks."""
    return not raw[: MAX_LENGTH * 4].translate(_INVISIBLE).strip()


def undo_spreadsheet_damage(text: str) -> tuple[str, str]:
    """Undo what a spreadsheet does; the second value says what cannot be undone.

    No digit is made up: what a shortened number has lost is lost, and a fraction is no phone.

    >>> undo_spreadsheet_damage('="+14155550123"'), undo_spreadsheet_damage("14,155,550,123.00")
    (('+14155550123', ''), ('14155550123', ''))
    >>> undo_spreadsheet_damage("1.4155550123E+10")
    ('14155550123', '')
    """
    if "xx" in text.lower():
        text = _CARRIER.sub("0", text)
    text = text.lstrip("'\u2018\u2019`\u00b4").strip()
    if quoted := _FORMULA_TEXT.fullmatch(text):
        text = quoted.group(1).strip()
    text = text.removeprefix("=").strip('"').strip().lstrip("'")
    if match := _EXCEL.fullmatch(text):
        whole, fraction, power = match.group(1), match.group(2) or "", int(match.group(3))
        if len(fraction) < power or fraction[power:].strip("0"):
            return text, "was cut to scientific notation by a spreadsheet, digits are lost"
        return whole + fraction[:power], ""
    if match := _AMOUNT.fullmatch(text):
        if not match.group(3).strip("0"):
            text = match.group(1)
        elif text[0] != "+":  # no amount has a plus: there the dot is a mark like any other
            return text, "holds a number with decimals, not a phone number"
    elif text.endswith("0") and (match := _ZEROS_BEHIND.fullmatch(text)):
        text = match.group(1) or match.group(2)
    if _THOUSANDS.fullmatch(text):
        text = re.sub("[,'\u2019]", "", text)
    return text, ""


# What a connector says of a value that is no text of a person (`connectors.phone_values`).
_TOLD = re.compile(r"\[not a phone number: ([a-z ]{1,60})\]")


def not_a_number_reason(text: str) -> str:
    """Return why a text holds no phone number at all, as a phrase; "" if it may hold one."""
    if match := _TOLD.fullmatch(text):
        return f"holds {match.group(1)}, not a phone number"
    digits = _NO_DIGIT.sub("", text)
    if not digits and _SPACES.sub(" ", text.casefold()) in _PLACEHOLDERS:
        return "holds a placeholder, not a number"
    if _EMAIL.fullmatch(text):
        return "holds an email address, not a number"
    if _URL.fullmatch(text):
        return "holds a web address, not a number"
    if _DATE.fullmatch(text):
        return "holds a date, not a number"
    if _COORDINATES.fullmatch(text):
        return "holds coordinates, not a number"
    if _COMPUTER_ID.fullmatch(text):
        return "holds an identifier of a computer"
    if _PERSONAL_ID.fullmatch(text) or (_CPF_OR_CNPJ.fullmatch(text) and _is_checked(digits)):
        return "holds the number of a person's identity"
    if text[:1].isupper() and _is_iban(text):
        return "holds a bank account number"
    if not digits:
        letters = re.sub(r"[\W_]", "", text)
        return "holds words, not a number" if letters else "holds no digits"
    return fictitious_reason(digits, text)


def _is_iban(text: str) -> bool:
    """Whether a text is the number of a bank account alone: in groups of four, or of one group."""
    if _IBAN.fullmatch(text.replace(" ", "")) is None:
        return False
    groups = text.split()
    return len(groups) == 1 or all(len(group) == 4 for group in groups[:-1])


def fictitious_reason(digits: str, text: str) -> str:
    """Return why digits are nobody's number, as a phrase; "" if they may be somebody's."""
    length = len(digits)
    if length >= 5 and digits.count(digits[0]) == length:
        return "holds one digit repeated, not a number"
    if length >= 8 and len(digits.rstrip("0")) < 3:
        return "holds zeros, not a number"
    if digits in _SEQUENCES:
        return "holds a made-up sequence of digits"
    if length == 8 and _DATE.fullmatch(text.strip()):
        return "holds a date, not a number"
    if length == 16 and _CARD.fullmatch(text.strip()) and is_luhn(digits):
        return "looks like the number of a payment card"
    return ""


def _is_checked(digits: str) -> bool:
    """Whether the last two digits are those that a CPF or CNPJ has with the others."""
    for length in (len(digits) - 2, len(digits) - 1):
        most = 9 if len(digits) == _CNPJ else length + 1
        weights = [2 + place % (most - 1) for place in range(length)]
        total = sum(int(d) * w for d, w in zip(reversed(digits[:length]), weights, strict=True))
        if int(digits[length]) != (0 if total % 11 < 2 else 11 - total % 11):
            return False
    return True


def is_luhn(digits: str) -> bool:
    """Whether digits end in the check digit that a payment card has with the others."""
    doubled = (int(d) * 2 if place % 2 == 0 else int(d) for place, d in enumerate(digits))
    return sum(value - 9 if value > 9 else value for value in doubled) % 10 == 0
