"""How routes document their answers, and the errors that they give instead."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

_ERRORS = {
    401: "The token is missing or wrong.",
    403: "The token lacks the scope, or the API is closed.",
    404: "There is no such thing.",
    409: "The state of things does not allow it now.",
    410: "The cursor is older than what is kept.",
    413: "The request is too large.",
    422: "The request is not valid; the text names what is wrong.",
    429: "Too many requests; `Retry-After` says when to ask again.",
    502: "The CRM did not answer, or refused the request.",
    503: "It takes too long now; `Retry-After` says when to ask again.",
}


_WEBHOOK_ERRORS = {
    400: "The body is not one that the sender's documents describe.",
    403: "The signature is missing, wrong or too old, or the account is another one.",
    409: "No connection is of that account; what concerned others was taken.",
    413: "The body is too large.",
    422: "The request is not valid; the text names what is wrong.",
    503: "The secret that the signature is checked with is not set, or accounts are not known yet.",
}


class Error(BaseModel):
    """The answer when something is wrong: one sentence for a person."""

    error: str


def errors(*codes: int) -> dict[int | str, dict[str, Any]]:
    """Document the errors that every route may give, and these."""
    return {code: {"model": Error, "description": _ERRORS[code]}
            for code in sorted({401, 403, 422, *codes})}  # fmt: skip


def answers(schema: Any, *codes: int, status: int = 200) -> dict[str, Any]:
    """Return the arguments of a route that sends what its function returns, unconverted.

    `schema` describes the answer in the OpenAPI document; `codes`: the errors it may give besides
    401, 403 and 422.
    """
    answer = {"model": schema, "description": "The answer"}
    return {"response_model": None, "status_code": status,
            "responses": {status: answer, **errors(*codes)}}  # fmt: skip


def webhook_answers(schema: Any, *codes: int, status: int = 200) -> dict[str, Any]:
    """Return the arguments of a webhook's route, as `answers` does.

    `schema` None: the answer has no body. `codes`: the errors it may give, besides 413.
    """
    answer = {"description": "The answer"} if schema is None else {
        "model": schema, "description": "The answer"
    }  # fmt: skip
    failures = {
        code: {"model": Error, "description": _WEBHOOK_ERRORS[code]}
        for code in sorted({413, *codes})
    }
    return {
        "response_model": None,
        "status_code": status,
        "responses": {status: answer, **failures},
    }
