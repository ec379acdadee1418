"""Do something only now and then, however often it is asked for."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import ParamSpec

P = ParamSpec("P")


def at_most_every(seconds: float, call: Callable[P, object]) -> Callable[P, None]:
    """`call` at most so often; the first time when so much time has passed."""
    last = time.monotonic()

    def throttled(*args: P.args, **kwargs: P.kwargs) -> None:
        nonlocal last
        if time.monotonic() - last >= seconds:
            call(*args, **kwargs)
            last = time.monotonic()

    return throttled
