"""What can go wrong between us and a CRM, in one vocabulary for all of them."""

from __future__ import annotations

from config.errors import HygieneError
from config.redaction import redact_secrets


class ConnectorError(HygieneError):
    """A CRM could not be used. The text is one line for an operator: what, and what to do."""

    http_status = 502

    def __init__(self, text: str) -> None:
        super().__init__(redact_secrets(text))  # it may quote what it was sent


class InvalidRequestError(ConnectorError):
    """What was asked for is none of this CRM's: an id of another kind, a list that is not there."""

    http_status = 422


class AuthError(ConnectorError):
    """The CRM does not accept our credentials, or they lack a right."""

    exit_code = 2


class UnavailableError(ConnectorError):
    """The CRM did not answer usefully, also after all retries."""


class UnansweredError(UnavailableError):
    """A call that must not be made twice got no useful answer: it may have been carried out."""


class NotFoundError(ConnectorError):
    """What an address names is not there (any more)."""


class QuotaError(ConnectorError):
    """The CRM's calls of today are used up, or only those that are left to others."""


class SchemaError(ConnectorError):
    """The CRM lacks fields that the settings name."""

    exit_code = 2


class SchemaChangedError(SchemaError):
    """A field that was there when we looked is gone; look again."""
