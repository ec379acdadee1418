"""What several parts of the account answer with, and how they read a time."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from sandbox.service import answer


def error(message: str, category: str, status: int = 400, **fields: Any) -> web.Response:
    return answer(
        {
            "status": "error",
            "message": message,
            "correlationId": str(uuid.uuid4()),
            "category": category,
            **fields,
        },
        status,
    )


def moment(text: Any) -> datetime:
    text = str(text)
    if text.lstrip("-").isdigit():
        return datetime.fromtimestamp(int(text) / 1000, UTC)
    return datetime.fromisoformat(text.replace("Z", "+00:00")).astimezone(UTC)
