"""The form of a call to an org, as those who make calls are handed it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import requests

from connectors.http.consistency import Check
from connectors.records import Purpose


class Call(Protocol):
    """The one way to call the org. `take`: what is made of a (streamed) answer that is not JSON."""

    def __call__(
        self,
        purpose: Purpose,
        path: str,
        method: str = "GET",
        *,
        take: Callable[[requests.Response], Any] | None = None,
        check: Check | None = None,
        **kwargs: Any,
    ) -> Any: ...
