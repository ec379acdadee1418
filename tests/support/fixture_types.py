"""Types of the fixtures that are functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from forking import Forked

from worker.context import Context

MakeContext = Callable[..., Context]
Sync = Callable[..., dict[str, Any]]
Serve = Callable[..., str]
Start = Callable[..., Forked]
