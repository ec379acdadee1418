"""Bring extensions, as people and phone systems write them, to one form (RFC 3966's `;ext=12`)."""

from __future__ import annotations

import re

LONGEST = 9  # digits; libphonenumber allows 20 behind an unmistakable word, and 9 behind a mark

# Words before an extension, by language; a full stop or colon may follow.
_WORDS = (
    "extension|extensão|extensión|extn|ext|ex|xtn|x|option|opt|"  # English, Portuguese, Spanish
    "durchwahl|dw|apparat|app|nebenstelle|nebenst|nst|klappe|kl|"  # German, Austrian
    "poste|pst|wewnętrzny|wewn|wew|w|linka|klapka|"  # French, Polish, Czech, Slovak
    "anexo|anx|ramal|rml|interno|intern|int|centralita|"  # Spanish, Portuguese, Italian, Nordic
    "добавочный|доб|внутренний|внутрішній|внутр|вн|д|"  # Russian, Ukrainian, Bulgarian
    "toestel|toest|tst|anknytning|anknyt|ankn|lokal|lok|internt|alanumero|"  # Dutch, Nordic
    "dahili|iç hat|dah|"  # Turkish
    "mellék|mell|n[ộo]i b[ộo]|m[áa]y l[ẻe]|"  # Hungarian, Vietnamese
    "interior|εσωτερικό|εσωτ|εσ|"  # Romanian, Greek
    "שלוחה|تحويلة|تحويله|داخلی|داخلي|"  # Hebrew, Arabic, Persian
    "вътрешен|вътр|дод|samb|sambungan|linje|loc|r|vid|ներքին|एक्स|then press|press|"  # and more
    "内線|内线|내선|ต่อ|分機|分机|转|轉"  # Japanese, Korean, Thai, Chinese
)
_NUMBER_WORD = r"(?:\s*(?:number|номер|nummer|numéro|número|no|nr|n[º°])\b\.?)?"
_SIGN = (
    rf"(?:(?<![^\W\d_])(?:{_WORDS})(?![^\W\d_]){_NUMBER_WORD}\s*(?:[.:,)]|\s-){{0,2}}\s*\#?"
    rf"|(?<![^\W\d_])local\s?(?=\d{{1,6}}(?!\s?\d))|(?:\#|(?<![^\W\d_])p)\s?(?=\d{{1,9}}(?!\s?[\d(]))|,{{1,3}}(?=\d+\#)|,,+)"
)
# Looking for what each sign begins with spares trying a hundred words behind every digit.
_AFTER = re.compile(
    rf"(?<=[\d)\]])[\s,;(\[/-]*(?=[^\W\d_]|[#,]){_SIGN}\s*(\d{{1,{LONGEST}}})"
    r"(?:-\d{1,5}(?!\d))?(?:\s*[)\]\#])*(?![\d.-]*\d|[A-Za-z]\d)",
    re.IGNORECASE,
)
# The word behind the digits, as in Hungarian and Turkish: "351-0060/112 mellék".
_WORD_BEHIND = re.compile(
    r"(?<=[\d)])\s*[/,;]\s*(\d{1,6})\.?(?:-?[aeoö]s)?\s*(?:nolu\s*)?(?:mellék|dahili)(?![^\W_])"
    r"\.?(?!\s*\d)",
    re.IGNORECASE,
)
_HINT = re.compile(r"[^\W\d_]|[#,]")
_BEFORE = re.compile(
    rf"^\s*(?:extension|extn|ext|x)[.:]?\s*(\d{{1,{LONGEST}}})[\s,:;-]+(?=[+(\d])(.*)$",
    re.IGNORECASE,
)
CANONICAL = re.compile(rf";ext=(\d{{1,{LONGEST}}})")


def canonicalize_extensions(text: str) -> str:
    """Write every extension of a field as `;ext=` behind its number."""
    if _HINT.search(text) is None:
        return text  # nothing that could stand before one
    if match := _BEFORE.match(text):
        text = f"{match.group(2)};ext={match.group(1)}"
    return _AFTER.sub(r";ext=\1 ", _WORD_BEHIND.sub(r";ext=\1 ", text))
