"""The web process over real HTTP, as the tests of the pages have it."""

from __future__ import annotations

from tests.worker.web.conftest import serve

__all__ = ["serve"]
