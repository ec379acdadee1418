"""Country names as CRMs hold them -> ISO 3166 code, by Babel's names in many languages."""

from __future__ import annotations

import difflib
import re
import unicodedata
from functools import cache, lru_cache

from babel import Locale, localedata
from babel.core import get_global
from phonenumbers import SUPPORTED_REGIONS

_LANGUAGES = (
    "en de fr es it pt nl pl uk ru sv da nb fi cs sk hu ro el tr ja ko zh ar he hi bg hr sr lt lv "
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
    found = _names().get(folded) or _names().get(folded.removeprefix("the "))
    if found is None and (main := _fold(re.split(r"[,(/]", text)[0])) != folded:
        found = _names().get(main)  # "Korea, Republic of", "USA (East)"
    return found or _misspelt(folded)


_WITH_CODE = re.compile(r"(.*\S)\s*\(([A-Za-z]{2})\)\s*")


@lru_cache(maxsize=4096)
def regions_of(country: str) -> tuple[str, ...]:
    """The countries that a text names: none, one, or two where a name and the code behind it
    contradict each other, as a CRM may hold them in two fields.

    >>> regions_of("Deutschland (DE)"), regions_of("Germany (US)"), regions_of("Atlantis (US)")
    (('DE',), ('DE', 'US'), ('US',))
    """
    both = _WITH_CODE.fullmatch(country)
    texts = both.groups() if both else (country,)
    return tuple(dict.fromkeys(code for text in texts if (code := region_of(text))))


def _misspelt(folded: str) -> str | None:
    """The country whose name is nearly this, if it is one country only ("Germny")."""
    if len(folded) < 5 or not folded.replace(" ", "").isalpha():
        return None
    near = difflib.get_close_matches(folded, _names(), n=4, cutoff=0.83)
    codes = {_names()[name] for name in near if abs(len(name) - len(folded)) <= 2}
    return codes.pop() if len(codes) == 1 else None
