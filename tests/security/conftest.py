"""Security as a whole; each package tests its own part.

Read in this order:

    test_outside.py  each threat of docs/security.md
"""

from __future__ import annotations

from tests.worker.web.conftest import serve

__all__ = ["serve"]
