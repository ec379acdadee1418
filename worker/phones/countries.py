"""Country names as CRMs hold them -> ISO 3166 code, by Babel's names in many languages."""

from __future__ import annotations

import difflib
import re
import unicodedata
from functools import cache, lru_cache

from babel import Locale, localedata
from babel.core import get_global
from phonenumbers import SUPPORTED_REGIONS, region_code_for_country_code

_LANGUAGES = (
    "en de fr es it pt nl pl uk ru sv da no fi cs sk hu ro el tr ja ko zh ar he hi bg hr sr lt lv "
    "et"
).split()
# What people write and no list of names holds.
_COMMON = {
    "uk": "GB",
    "england": "GB",
    "scotland": "GB",
    "wales": "GB",
    "northern ireland": "GB",
    "great britain": "GB",
    "britain": "GB",
    "u k": "GB",
    "gb uk": "GB",
    "usa": "US",
    "u s a": "US",
    "u s": "US",
    "america": "US",
    "united states of america": "US",
    "the united states": "US",
    "estados unidos de america": "US",
    "holland": "NL",
    "the netherlands": "NL",
    "czech republic": "CZ",
    "korea": "KR",
    "south korea": "KR",
    "russia": "RU",
    "viet nam": "VN",
    "ivory coast": "CI",
    "uae": "AE",
    "u a e": "AE",
    "ksa": "SA",
    "turkey": "TR",
    "macedonia": "MK",
    "swaziland": "SZ",
    "burma": "MM",
    "republic of ireland": "IE",
    "eire": "IE",
    "hongkong": "HK",
    "prc": "CN",
    "brd": "DE",
    "rsa": "ZA",
    "drc": "CD",
    "korea north": "KP",
    "korea south": "KR",
    "lao pdr": "LA",
    "dr congo": "CD",
    "bosnia": "BA",
    "palestine": "PS",
    "macao": "MO",
    "macau": "MO",
    "holy see": "VA",
    "hong kong china": "HK",
    "chinese taipei": "TW",
    "republic of china": "TW",
    "people s republic of china": "CN",
    "pr china": "CN",
    "p r china": "CN",
    "estados unidos mexicanos": "MX",
    "kyrgyz republic": "KG",
    "slovak republic": "SK",
    "ireland northern": "GB",
    "china taiwan": "TW",
    "democratic republic of the congo": "CD",
    "democratic people s republic of korea": "KP",
    # Short names of ISO 3166-1, as CRMs list them, which Babel writes otherwise.
    "bonaire sint eustatius and saba": "BQ",
    "congo the democratic republic of the": "CD",
    "congo democratic republic of the": "CD",
    "holy see vatican city state": "VA",
    "korea democratic people s republic of": "KP",
    "lao people s democratic republic": "LA",
    "libyan arab jamahiriya": "LY",
    "palestine state of": "PS",
    "palestinian territory occupied": "PS",
    "russian federation": "RU",
    "syrian arab republic": "SY",
    "united kingdom of great britain and northern ireland": "GB",
    "virgin islands british": "VG",
    "virgin islands u s": "VI",
}


def _fold(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text.casefold())
    kept = "".join(" " if not ch.isalnum() else ch for ch in plain if not unicodedata.combining(ch))
    return " ".join(kept.split())


@cache
def _names() -> dict[str, str]:
    names: dict[str, str] = {}
    for language in _LANGUAGES:
        for code, name in Locale.parse(language).territories.items():
            if code in SUPPORTED_REGIONS:
                names.setdefault(_fold(name), code)
        # Babel keeps whatever it has loaded, 30 MB for these languages, and we have the names.
        getattr(localedata, "_cache", {}).pop(language, None)
    for alias, codes in get_global("territory_aliases").items():
        if len(codes) == 1 and codes[0] in SUPPORTED_REGIONS and len(alias) == 3:
            names.setdefault(alias.casefold(), codes[0])
    names.update(_COMMON)
    return names


@lru_cache(maxsize=4096)
def region_of(country: str) -> str | None:
    """Return the ISO code of a country in any known spelling; None if it is not known.

    >>> region_of("Deutschland"), region_of("usa"), region_of("Atlantis")
    ('DE', 'US', None)
    """
    text = country.strip()
    if len(text) == 2 and text.upper() in SUPPORTED_REGIONS:
        return text.upper()
    if len(text) > 100:
        return None
    folded = _fold(text)
    if not folded:
        return None
    region = _names().get(folded) or _names().get(folded.removeprefix("the "))
    if region is None and (main := _fold(re.split(r"[,(/]", text)[0])) != folded:
        region = _names().get(main)  # "Korea, Republic of", "USA (East)"
    return region or _by_code(text) or _without_qualifier(folded) or _misspelt(folded)


# A country code as it is dialled: "+49", "0049", "(+49)".
_DIALLED = re.compile(r"\(?(?:\+|00)\s*(\d{1,3})\)?")


def _by_code(text: str) -> str | None:
    """The country of a country code; None where several share it, but for its main one's."""
    match = _DIALLED.fullmatch(text)
    region = region_code_for_country_code(int(match.group(1))) if match else ""
    return region if region in SUPPORTED_REGIONS else None


# Words beside a country's name that do not make it another country.
_QUALIFIERS = frozenset(
    "metropolitaine metropolitan metropole continental continentale mainland federal federation "
    "republic republik republique republica repubblica kingdom state states of the de la du del "
    "federale democratic people peoples".split()
)


def _without_qualifier(folded: str) -> str | None:
    words = [word for word in folded.split() if word not in _QUALIFIERS]
    bare = " ".join(words)
    return _names().get(bare) if bare and bare != folded else None


_WITH_CODE = re.compile(
    r"(?P<name>.*\S)\s*(?:\((?P<code>[A-Za-z]{2,3}|\+\d{1,3})\)|\s[-–/:|]\s*(?P<last>[A-Z]{2,3}))\s*"
    r"|(?P<first>[A-Z]{2,3}|\+\d{1,3})\s*[-–/:|]\s*(?P<other>.*\S)\s*"
)


@lru_cache(maxsize=4096)
def regions_of(country: str) -> tuple[str, ...]:
    """The countries that a text names: none, one, or two where a name and the code behind it
    contradict each other, as a CRM may hold them in two fields.

    >>> regions_of("Deutschland (DE)"), regions_of("Germany (US)"), regions_of("Atlantis (US)")
    (('DE',), ('DE', 'US'), ('US',))
    """
    both = _WITH_CODE.fullmatch(country)
    texts = [text for text in both.groups() if text] if both else [country]
    named = tuple(dict.fromkeys(code for text in texts if (code := region_of(text))))
    return named or tuple(filter(None, [region_of(country)]))


def _misspelt(folded: str) -> str | None:
    """The country whose name is nearly this, if it is one country only ("Germny")."""
    if len(folded) < 5 or not folded.replace(" ", "").isalpha():
        return None
    near = difflib.get_close_matches(folded, _names(), n=4, cutoff=0.83)
    codes = {_names()[name] for name in near if abs(len(name) - len(folded)) <= 2}
    return codes.pop() if len(codes) == 1 else None
