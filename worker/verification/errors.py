"""The errors of asking a provider.

ProviderError
├── UnavailableError            certainly not carried out, or said to pass
├── AmbiguousResultError        may have been carried out, and charged
├── CredentialsRejectedError    an operator has to act: the key
└── CreditExhaustedError        an operator has to act: the credit
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

from config.errors import HygieneError
from config.redaction import redact_secrets
from worker.verification.models import Answer, Question


class ProviderError(HygieneError):
    """A provider gave no usable answer. It never says anything about a number (promise 6).

    The text continues a sentence that begins with the provider's name: "did not answer in time".
    `charge_unknown`: the call may have been carried out, and charged, all the same. If several
    numbers were asked about one by one, `answers` holds the paid answers that came before the
    error, and `question` is the one that failed; the others were not asked.
    """

    charge_unknown = False

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


class AmbiguousResultError(ProviderError):
    """The answer to a call that was sent did not arrive, or cannot be read."""

    charge_unknown = True


class CredentialsRejectedError(ProviderError):
    """It does not accept our key, or the key may not do this: an operator has to act."""


class CreditExhaustedError(ProviderError):
    """The credit that was bought is used up."""
