"""Types of the fixtures that are functions."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from typing import Any

from worker.context import Context

MakeContext = Callable[..., Context]
Sync = Callable[..., dict[str, Any]]
Serve = Callable[..., str]
Start = Callable[..., subprocess.Popen[bytes]]
