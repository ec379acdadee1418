"""Certificates: what a scrub was asked and answered, to be shown to an auditor years later.

A certificate says who asked, when, about which list, by which rules and registries, and how many
numbers were allowed and denied, for which reasons. It holds no number: the list is known by a
keyed SHA-256 of its questions in their order, which nobody can try out without our key. It is
signed with a key that follows from SECRET_KEY, so that a row changed in the database shows.
"""

from __future__ import annotations

import hmac
import secrets
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import orjson
import sqlalchemy as sa

from config.errors import HygieneError
from config.version import product_version
from worker.context import Context
from worker.registries.model import Registry
from worker.scrub.model import Answer, Question
from worker.store.pseudonyms import Keys
from worker.store.tables import scrubs

_LIST, _SIGNATURE = "scrub list", "scrub certificate"


class NoSuchCertificateError(HygieneError):
    exit_code = 2
    http_status = 404

    def __init__(self, certificate: str) -> None:
        super().__init__(f"there is no certificate {certificate!r}")


class ListDigest:
    """The keyed hash of a list, question by question, under each of our keys."""

    def __init__(self, keys: Keys) -> None:
        self._digests = keys.digests(_LIST)

    def add(self, questions: Iterable[Question]) -> None:
        for question in questions:
            line = orjson.dumps(
                [question.number, question.country, question.contact, question.channel]
            )
            for digest in self._digests:
                digest.update(line + b"\n")

    @property
    def value(self) -> str:
        """Return the hash under the key in use."""
        return self._digests[0].hexdigest()

    def is_one_of_ours(self, value: str) -> bool:
        """Return whether this is the list's hash, under any of our keys."""
        return any(hmac.compare_digest(d.hexdigest(), value) for d in self._digests)


@dataclass
class Tally:
    """What a certificate counts, while a scrub goes on."""

    numbers: int = 0
    allowed: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    registries: dict[str, dict[str, Any]] = field(default_factory=dict)

    def add(self, answers: Sequence[Answer], known: Iterable[Registry], now: datetime) -> None:
        self.numbers += len(answers)
        self.allowed += sum(answer.allow for answer in answers)
        self.reasons.update(answer.reason.value for answer in answers if answer.reason)
        for registry in known:
            self.registries[registry.name] = {
                **registry.as_json(now), "import": registry.generation,
            }  # fmt: skip

    @property
    def counts(self) -> dict[str, Any]:
        denied = self.numbers - self.allowed
        reasons = dict(sorted(self.reasons.items()))
        return {"allowed": self.allowed, "denied": denied, "reasons": reasons}


def rules_in_force(ctx: Context, hours: bool) -> dict[str, Any]:
    """Return the rules that answers follow from, for the record."""
    settings = ctx.settings
    return {
        "version": product_version(),
        "valid_for": int(settings.scrub.valid_for.total_seconds()),
        "opt_out_text_stops_calls": settings.policy.opt_out_text_stops_calls,
        "shared_from": settings.feedback.shared_from,
        "calling_hours": hours,
        "registries": {
            name: {
                "channels": list(registry.channels),
                "countries": list(registry.countries),
                "consent_overrides": registry.consent_overrides,
                "when_stale": registry.when_stale,
                "stale_after": int(registry.stale_after.total_seconds()),
            }
            for name, registry in sorted(settings.registries.items())
        },
    }


def issue(
    ctx: Context, who: str, channel: str, began: datetime, digest: ListDigest, tally: Tally,
    rules: Mapping[str, Any],
) -> str:  # fmt: skip
    """Keep a certificate; return its id."""
    row = {
        "id": f"scrub_{secrets.token_hex(12)}",
        "at": began,
        "ended_at": ctx.now(),
        "who": who[:120],
        "channel": channel,
        "numbers": tally.numbers,
        "list_hash": digest.value,
        "counts": tally.counts,
        "rules": dict(rules),
        "registries": list(tally.registries.values()),
    }
    signature = _signatures(ctx.keys, row)[0]
    with ctx.store.write() as connection:
        connection.execute(sa.insert(scrubs).values(**row, signature=signature))
    return str(row["id"])


def load(ctx: Context, certificate: str) -> dict[str, Any]:
    """Return a certificate. `authentic`: nobody has changed it since. Raises
    `NoSuchCertificateError`."""
    with ctx.store.read() as connection:
        found = connection.execute(
            sa.select(scrubs).where(scrubs.c.id == certificate)
        ).one_or_none()
    if found is None:
        raise NoSuchCertificateError(certificate)
    row = {str(column.key): getattr(found, column.key) for column in scrubs.columns}
    signature = row.pop("signature")
    authentic = any(
        hmac.compare_digest(expected, signature) for expected in _signatures(ctx.keys, row)
    )
    return {
        **row,
        "at": row["at"].isoformat(),
        "ended_at": row["ended_at"].isoformat(),
        "authentic": authentic,
    }


def _signatures(keys: Keys, row: Mapping[str, Any]) -> list[str]:
    """Return what signs a row, under each of our keys, the one in use first."""
    plain = {
        name: value.astimezone(UTC).isoformat() if isinstance(value, datetime) else value
        for name, value in row.items()
    }
    content = orjson.dumps(plain, option=orjson.OPT_SORT_KEYS)
    digests = keys.digests(_SIGNATURE)
    for digest in digests:
        digest.update(content)
    return [digest.hexdigest() for digest in digests]
