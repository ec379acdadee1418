"""An imaginary lookup service that answers {"exists": true, "line": "cell", "network": "..."}.

The example of docs/adding-a-provider.md.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from decimal import Decimal

from config.verification import CheckLevel, LineType
from worker.verification.errors import AmbiguousResultError
from worker.verification.http_client import (
    ProviderClient,
    guards_response,
    json_object,
    raise_for_status_code,
    text,
)
from worker.verification.models import AccountStatus, Answer, Product, Question
from worker.verification.registry import ProviderFactoryContext

KINDS: dict[object, LineType] = {"cell": "mobile", "fixed": "landline", "ip": "voip"}


class AcmeProvider:
    name = "acme"
    label = "Acme Lookups"  # in reasons: "... (Acme Lookups)"
    batch = 1  # numbers in one call
    local = False  # True only for what needs no network and costs nothing

    def __init__(self, key: str, client: ProviderClient) -> None:
        self._headers, self._client = {"X-Key": key}, client

    def product(self, check_level: CheckLevel) -> Product | None:
        return Product("basic", Decimal("0.004")) if check_level == "line_type" else None

    def supports(self, question: Question, check_level: CheckLevel) -> bool:
        return True  # or only some countries; a date where you need one (question.since)

    @guards_response
    def ask(self, questions: Sequence[Question], check_level: CheckLevel) -> list[Answer]:
        return [self._one(question) for question in questions]

    def check(self) -> AccountStatus:  # is the key accepted; must cost nothing
        raise_for_status_code(
            self._client.call("GET", "/me", lookups=0, paid=False, headers=self._headers)
        )
        return AccountStatus(credits=None)

    def close(self) -> None:
        self._client.close()

    def _one(self, question: Question) -> Answer:
        response = self._client.call("GET", f"/v1/{question.number}", headers=self._headers)
        raise_for_status_code(response)
        data = json_object(response)
        if not isinstance(data.get("exists"), bool):
            raise AmbiguousResultError("gave an answer that cannot be read")
        return Answer(
            number=question.number,
            verdict="valid" if data["exists"] else "invalid",
            line_type=KINDS.get(data.get("line"), "unknown"),
            carrier=text(data.get("network")),
            detail="" if data["exists"] else "is not a number that exists",
            raw_answer=f"exists={data['exists']} line={text(data.get('line'))}",
        )


def make(context: ProviderFactoryContext) -> AcmeProvider | None:
    """None where the credentials are missing: the step is left out then, and that is said."""
    key = os.environ.get("ACME_KEY")
    if not key:
        return None
    options = context.tuning("acme").options  # whatever the TOML file says in `options`
    url = options.get("url", "https://lookups.acme.example")
    return AcmeProvider(key, context.client("acme", url))
