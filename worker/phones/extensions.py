"""Bring extensions, as people and phone systems write them, to one form (RFC 3966's `;ext=12`)."""

from __future__ import annotations

import re

# Words before an extension, by language; a full stop or colon may follow.
_WORDS = (
    "extension|extensão|extensión|extn|ext|xtn|x|option|opt|"  # English, Portuguese, Spanish
    "durchwahl|dw|apparat|app|nebenstelle|nst|klappe|kl|"  # German, Austrian
    "poste|pst|wewnętrzny|wewn|wew|w|linka|klapka|"  # French, Polish, Czech, Slovak
    "anexo|ramal|interno|int|centralita|"  # Spanish, Portuguese, Italian
    "добавочный|доб|внутренний|внутр|вн|д|"  # Russian, Ukrainian, Bulgarian
    "toestel|tst|anknytning|ankn|lokal|lok|alanumero|dahili|"  # Dutch, Nordic, Finnish, Turkish
    "p|内線|分機|分机|转"
)
_SIGN = (
    rf"(?:(?<![^\W\d_])(?:{_WORDS})(?![^\W\d_])\s*[.:]?\s*#?"
    r"|\#|,{1,3}(?=\d+\#)|,,+|;(?=\d{1,6}$))"
)
_AFTER = re.compile(
    rf"(?<=[\d)\]])[\s,;(\[/-]*{_SIGN}\s*(\d{{1,7}})(?:\s*[)\]\#])*(?![\d.-]*\d)", re.IGNORECASE
)
_HINT = re.compile(r"[^\W\d_]|[#,;]")
_BEFORE = re.compile(r"^\s*(?:extension|extn|ext|x)[.:]?\s*(\d{1,6})[\s,:;-]+(?=[+(\d])(.*)$", re.I)
_CANONICAL = re.compile(r";ext=(\d{1,7})")


def canonicalize_extensions(text: str) -> str:
    """Write every extension of a field as `;ext=` behind its number."""
    if _HINT.search(text) is None:
        return text  # nothing that could stand before one
    if found := _BEFORE.match(text):
        text = f"{found.group(2)};ext={found.group(1)}"
    return _AFTER.sub(r";ext=\1 ", text)


def split_extension(piece: str) -> tuple[str, str]:
    """Split a piece of canonical text into the rest and its extension ("" if none)."""
    found = _CANONICAL.search(piece)
    if found is None:
        return piece, ""
    return f"{piece[: found.start()]} {piece[found.end() :]}".strip(), found.group(1)
