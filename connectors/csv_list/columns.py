"""Find out which column of a list is which, from its name and its cells.

A column is identified by its position: `unique_names` gives each one a name of its own, so that two
columns with the same name are never confused.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from connectors.csv_list.errors import ListError

SAMPLE_ROWS = 200  # rows whose cells say what a column holds
_MOST = 0.8  # share of a column's cells that make it what they are

_PHONE = re.compile(
    r"(?<!micro)(?<!head)phone(?!tic)|mobile|\bmobil\b|\bmobil(nummer|telefon|nr)|\bmob\b|\bcell|"
    r"\bfax\b|\btelefax|\btel\b|\btel[ée]|\btél|\btelf\b|\btlfn?\b|telefon|telefoon|puhelin|"
    r"\bhandy(?!man)|rufnummer|móvil|movil|celular|komórk|komork|gsm|whatsapp|\bmsisdn|landline|"
    r"direct (dial|line)|contact (no|number)|numer tel|\bportable\b|\bcep\b|телефон|\bтел\b|"
    r"мобильн|мобільн|сотов|τηλ[έε]φωνο|κινητ[όο]|电话|電話|手机|手機|携帯|전화|휴대폰|핸드폰",
    re.IGNORECASE,
)
# What says something of a phone and is none.
_ABOUT = re.compile(
    r"status|e164|line.?type|country|type$|\btype\b|\bopt\b|opt.?(in|out|ed)|\bverified"
    r"(?=$| at| on| by| date| time)|best phone|reason|\bext\b|extension|extn|durchwahl$|klappe|"
    r"date|\bdatum|\bdata\b|time|\bcarrier|provider|operator|valid(ity)?$|"
    r"valid (since|until|from|to)|consent|\bcode\b|source|\bnotes?\b|comment|score|"
    r"count\b|\bids?\b|format|label|\bapp\b|device|version|"
    r"(last|first) (call|contact)|\bcalled|\bname\b|preferred time|do not|\bdnc\b|\bregion|\bowner",
    re.IGNORECASE,
)
_WITH = re.compile(r"\((with|incl|inkl|mit|avec|con|optional)[^)]*\)", re.IGNORECASE)
_EXTENSION = re.compile(
    r"\bext\b|extension|extn\b|durchwahl|klappe|\binterno\b|wewn", re.IGNORECASE
)
_COUNTRY = re.compile(
    r"^(mailing |billing |shipping |home |company )?"
    r"(country|country.?(code|name|/region)|land|pays|"
    r"país|pais|paese|kraj|nation|země|ország|ülke|страна|країна|国|국가|χώρα)$",
    re.IGNORECASE,
)
_ID = re.compile(r"^(record |contact |lead |customer |user )?(id|uuid|guid|key|number)$", re.I)
_SOURCE = re.compile(r"^(lead |original |traffic )?source$", re.IGNORECASE)
_FULL_NAME = re.compile(
    r"^(full |contact |person |customer |display )?name$|^(vollständiger |voller )?name$|"
    r"^nom complet$|^nombre( completo)?$|^nome( completo)?$|^имя$|^姓名$|^氏名$",
    re.IGNORECASE,
)
_FIRST_NAME = re.compile(r"^(first|given|fore)[ _]?name$|^vorname$|^prénom$", re.IGNORECASE)
_LAST_NAME = re.compile(
    r"^(last|family|sur)[ _]?name$|^nachname$|^familienname$|^nom( de famille)?$|^apellidos?$|"
    r"^cognome$|^sobrenome$|^фамилия$",
    re.IGNORECASE,
)
_EMAIL = re.compile(r"e-?mail", re.IGNORECASE)
_STATE = re.compile(
    r"^(mailing |billing |shipping |home |company )?"
    r"(state|province|state[/ ]province|state.?(code|name|/region)|bundesland|provincia|estado"
    r"|província|regione)$",
    re.IGNORECASE,
)
_WEBSITE = re.compile(
    r"^(company )?(web ?site|web|url|web ?page|home ?page|domain|site web|sitio web|sito web"
    r"|webseite|strona www|www|сайт)( url)?$",
    re.IGNORECASE,
)
# Columns that `hygiene clean` and the CSV connector add behind a phone column's name.
ADDED = ("status", "e164", "line type", "extension", "reason")
_AGAIN = re.compile(r"( \(checked(?: \d+)?\))+$")


def unique_names(header: Sequence[str]) -> list[str]:
    """Return a unique name for each column: its own if it is the first with that name (case and
    outer spaces ignored), else the name with a number; without a name, one from its position.

    >>> unique_names(["Phone", "phone ", "", "Phone"])
    ['Phone', 'phone (2)', 'column 3', 'Phone (3)']
    """
    taken = {_plain(name) for name in header}
    seen: dict[str, int] = {}
    names: list[str] = []
    for place, name in enumerate(header, start=1):
        plain = _plain(name)
        seen[plain] = seen.get(plain, 0) + 1
        if not plain:
            unique = f"column {place}"
        elif seen[plain] == 1:
            names.append(name)
            continue
        else:
            unique = f"{name.strip()} ({seen[plain]})"
        while _plain(unique) in taken:
            unique += "'"
        taken.add(_plain(unique))
        names.append(unique)
    return names


def _plain(name: str) -> str:
    return " ".join(name.split()).casefold()


def places_named(header: Sequence[str], wanted: str, option: str, where: str) -> list[int]:
    """Return the positions (from 0) of the columns that somebody names; several can share a name.

    `wanted` is a name, or a position (from 1) if no column has that name. Raises `ListError`
    naming `option`.
    """
    names = unique_names(header)
    plain = [_plain(name) for name in header]
    for these, sought in ((header, wanted), (names, wanted), (plain, _plain(wanted))):
        if matches := [place for place, name in enumerate(these) if name == sought]:
            return matches
    if wanted.isdecimal() and 1 <= int(wanted) <= len(header):
        return [int(wanted) - 1]
    raise ListError(f"{where} has no column {wanted!r} ({option}); there are: {', '.join(names)}")


def place_named(header: Sequence[str], wanted: str, option: str, where: str) -> int:
    """Return the position of the one column with a name; raises `ListError` if there are more."""
    matches = places_named(header, wanted, option, where)
    if len(matches) > 1:
        places = " and ".join(str(place + 1) for place in matches)
        raise ListError(
            f"{where} has {len(matches)} columns {wanted!r}, at places {places}; name the one "
            f"that is meant by its place: {option} {matches[0] + 1}"
        )
    return matches[0]


def guess_name_columns(header: Sequence[str]) -> tuple[str, ...]:
    """Guess which columns hold a person's name: that of the whole name, or first and last name.

    >>> guess_name_columns(["id", "Last Name", "First Name"]), guess_name_columns(["Name", "Phone"])
    (('First Name', 'Last Name'), ('Name',))
    >>> guess_name_columns(["Phone", "Company name"])
    ()
    """
    spoken = {name: _spoken(name) for name in header}
    for patterns in ((_FULL_NAME,), (_FIRST_NAME, _LAST_NAME), (_FIRST_NAME,), (_LAST_NAME,)):
        columns = [
            next((n for n in header if pattern.search(spoken[n])), "") for pattern in patterns
        ]
        if all(columns):
            return tuple(columns)
    return ()


def guess_columns(
    header: Sequence[str], sample: Sequence[Sequence[str]] = ()
) -> dict[str, tuple[str, ...]]:
    """Guess which columns hold phones, country, id, source, email, state and website.

    `header`: unique names; `sample`: some rows, whose cells can show that a column named after a
    phone holds none.
    """
    spoken = {name: _spoken(name) for name in header}
    own = _our_own(header)

    def named(pattern: re.Pattern[str]) -> tuple[str, ...]:
        return tuple(name for name in header if pattern.search(spoken[name]))

    phones = tuple(
        name
        for place, name in enumerate(header)
        if name not in own
        and _PHONE.search(spoken[name])
        and not _ABOUT.search(_WITH.sub("", spoken[name]))
        and not holds_something_else(cells_of(sample, place))
    )
    return {
        "phones": phones,
        "country": named(_COUNTRY)[:1],
        "id": named(_ID)[:1],
        "source": named(_SOURCE)[:1],
        "email": named(_EMAIL)[:1],
        "state": named(_STATE)[:1],
        "website": named(_WEBSITE)[:1],
    }


def extension_columns(header: Sequence[str], phones: Sequence[str]) -> dict[str, str]:
    """Phone column -> the column that holds its extension: "Phone extension", or the one column
    called "Ext" where there is one phone column."""
    extensions: dict[str, str] = {}
    plain = {_plain(_spoken(name)): name for name in header if name not in phones}
    for phone in phones:
        for suffix in ("extension", "ext", "ext.", "extn"):
            for stem in (_plain(_spoken(phone)), _stem(phone)):
                name = plain.get(f"{stem} {suffix}".strip())
                if name is not None and stem:
                    extensions.setdefault(phone, name)
    others = [
        name
        for name in header
        if name not in phones
        and name not in extensions.values()
        and _EXTENSION.search(_spoken(name))
    ]
    if len(phones) == 1 and not extensions and len(others) == 1:
        extensions[phones[0]] = others[0]
    return extensions


def _stem(phone: str) -> str:
    """ "Work Phone Number" -> "work phone"."""
    return re.sub(r" (number|no|nr)\.?$", "", _plain(_spoken(phone)))


def _spoken(name: str) -> str:
    """A column's name as words: "MobilePhone_Ext" -> "Mobile Phone Ext"."""
    words = " ".join(re.sub(r"(?<=[a-z])(?=[A-Z])|[_.\-]+", " ", name).split())
    return words.replace("Whats App", "WhatsApp")


def _our_own(header: Sequence[str]) -> set[str]:
    """Find the columns that an earlier run of ours added after another column."""
    plain = {_plain(name) for name in header}
    own = set()
    for name in header:
        bare = _AGAIN.sub("", _plain(name))
        for suffix in ADDED:
            stem = bare.removesuffix(f" {suffix}")
            if stem != bare and stem in plain:
                own.add(name)
    return own


# -- what stands in a column ----------------------------------------------------------------

_PHONE_TEXT = re.compile(r"['=\"]*[+(]?[\d\s().\-–/+\u00a0]{7,28}\"?")
_MONTHS = "jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|mär|mai|okt|dez|gen|ago|dic|avr|juil"
_DATE = re.compile(
    r"(?:(?P<a>\d{1,4})\s?[./-]\s?(?P<b>\d{1,2})\s?[./-]\s?(?P<c>\d{1,4})\.?"
    rf"|\d{{1,2}}[. -]+(?:{_MONTHS})\w*[. -]+\d{{2,4}}|(?:{_MONTHS})\w*[. ]+\d{{1,2}}, ?\d{{4}})"
    r"(?P<time>[T ,]+\d{1,2}[:.]\d\d.*)?",
    re.IGNORECASE,
)
_TIME = re.compile(r"\d{1,2}:\d\d(:\d\d)?( ?[ap]m)?", re.IGNORECASE)
_MONEY = re.compile(r"[-+]?\s?([$€£¥₹]\s?[\d.,' ]+|[\d.,' ]+\s?([$€£¥₹]|EUR|USD|GBP|Kč|zł|Ft))")
_FLAG = re.compile(r"true|false|yes|no|ja|nein|oui|non|sí|si|ano|ne|tak|nie|да|нет", re.IGNORECASE)
_ADDRESS = re.compile(r"[^\s@]+@[^\s@]+\.[^\s@]+|(https?://|www\.)\S+", re.IGNORECASE)


def cells_of(sample: Sequence[Sequence[str]], place: int) -> list[str]:
    """Return the cells of a column in some rows, without empty ones."""
    cells = (row[place].strip() for row in sample if place < len(row))
    return [cell for cell in cells if cell]


def holds_something_else(cells: Sequence[str]) -> bool:
    """Whether most cells are dates, times, money, yes and no, or addresses on the Internet."""
    other = sum(
        is_date(cell) or any(kind.fullmatch(cell) for kind in (_TIME, _MONEY, _FLAG, _ADDRESS))
        for cell in cells
    )
    return bool(cells) and other >= _MOST * len(cells)


def is_date(cell: str) -> bool:
    """
    >>> is_date("31.1.2026"), is_date("2026-01-31T12:00"), is_date("12-34-56")
    (True, True, False)
    """
    if (match := _DATE.fullmatch(cell)) is None:
        return False
    if not match["a"]:
        return True
    a, b, c = match["a"], match["b"], match["c"]
    year, day, month = (a, b, c) if len(a) == 4 else (c, a, b)
    if len(year) == 2 and not match["time"]:
        return False  # "01-23-45" is a phone in many a town
    if len(year) not in (2, 4) or (len(year) == 4 and year[:2] not in ("19", "20")):
        return False
    low, high = sorted((int(day), int(month)))
    return 1 <= low <= 12 and 1 <= high <= 31


def looks_like_phone(cell: str) -> bool:
    """Whether a cell is a phone number beyond doubt: no date, no amount, no short code or id.

    >>> looks_like_phone("+420 602 123 456"), looks_like_phone("1234567"), looks_like_phone("12.5")
    (True, False, False)
    """
    cell = cell.strip()
    if not _PHONE_TEXT.fullmatch(cell) or is_date(cell):
        return False
    digits = sum(mark.isdecimal() for mark in cell)
    written = re.search(r"^\W*(\+|00|\()|\d[\s.\-/–]\d", cell)
    return 7 <= digits <= 15 and (written is not None or digits >= 9)


def phone_places(sample: Sequence[Sequence[str]]) -> list[int]:
    """Find the columns that hold phones by their cells alone. Bare digits may be ids: they count
    only if no column has formatted phone numbers, and just one column has bare digits."""
    width = max(map(len, sample), default=0)
    likely = [place for place in range(width) if _share(cells_of(sample, place), False) >= 0.6]
    sure = [place for place in likely if _share(cells_of(sample, place), True) >= 0.3]
    return sure or (likely if len(likely) == 1 else [])


def _share(cells: Sequence[str], written: bool) -> float:
    marked = re.compile(r"^\W*(\+|00|\()|\d[\s.\-/–]\d" if written else "")
    fitting = sum(looks_like_phone(cell) and marked.search(cell) is not None for cell in cells)
    return fitting / len(cells) if cells else 0.0


def is_data(first: Sequence[str]) -> str:
    """Say what shows that the first row holds data and not column names; "" if nothing does."""
    if any(_PHONE.search(_spoken(cell)) for cell in first):
        return ""
    for place, cell in enumerate(first, start=1):
        if looks_like_phone(cell):
            return f"its cell {place} holds a phone number"
    for place, cell in enumerate(first, start=1):
        if _ADDRESS.fullmatch(cell.strip()):
            return f"its cell {place} holds an email or web address"
    return ""
