"""What contacts are grouped into segments by. Imports nothing: the command line's help needs it."""

from __future__ import annotations

from typing import Literal

By = Literal["source", "campaign", "list", "country", "month"]
SEGMENTS: tuple[By, ...] = ("source", "campaign", "list", "country", "month")
