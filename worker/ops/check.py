"""The results of an examination: one line each, with what to do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Verdict = Literal["ok", "warning", "problem"]


@dataclass(frozen=True)
class Check:
    name: str
    verdict: Verdict
    text: str


def warning(name: str, text: str) -> Check:
    return Check(name, "warning", text)
