"""What can go wrong while a provider is asked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

from config.errors import HygieneError
from config.redaction import redact_secrets
from worker.verification.models import Answer, Question


class ProviderError(HygieneError):
    """A provider gave no usable answer. Never says anything about a number (promise 6).

    The text goes on from the provider's name: "did not answer in time". `lost`: the call may have
    been carried out, and charged, all the same. Where several numbers were asked about one by one,
    `answers` holds those that came before it, which were paid for, and `question` is the one that
    it is about: the others were not asked.
    """

    lost = False

    def __init__(self, reason: str) -> None:
        self.reason = redact_secrets(reason)  # it may quote what it was sent
        self.answers: tuple[Answer, ...] = ()
        self.question: Question | None = None
        super().__init__(self.reason)

    def after(self, answers: Sequence[Answer], question: Question | None = None) -> Self:
        """Note the answers that were paid for before it, and the question that it is about."""
        self.answers, self.question = tuple(answers), question
        return self


class UnavailableError(ProviderError):
    """It did not answer, or answered that it cannot just now."""


class LostError(ProviderError):
    """The answer to a call that was sent did not reach us, or not in a form that can be read."""

    lost = True


class RefusedError(ProviderError):
    """It does not accept our key, or the key may not do this: an operator has to act."""


class NoCreditError(ProviderError):
    """What was bought of it is used up."""
