"""Say in plain words why a CRM could not be used, for whoever reads a page.

Our own errors are sentences that say what to do. An answer of a CRM that we have no sentence for is
quoted (`salesforce: HTTP 400: MALFORMED_SEARCH: ...`), which helps an operator and nobody else.
"""

from __future__ import annotations

import logging
import re

from connectors.errors import AuthError, ConnectorError, NotFoundError, QuotaError, UnavailableError
from connectors.labels import crm_name

log = logging.getLogger(__name__)

# A status, and the vendor's code if there is one; what follows may quote what we sent.
_RAW = re.compile(r"\bHTTP (?P<status>\d{3})\b(?:[:,)]* (?P<code>[A-Z][A-Z0-9_]{3,})\b)?")

_TEST = "Test the connection under Settings, Getting started."
_LATER = "Try again in a few minutes."
_LOG = "The log of the web process has its answer."


def plain(error: ConnectorError, connector: str) -> str:
    """Return what happened and what to do.

    >>> plain(ConnectorError("salesforce: HTTP 400: MALFORMED_SEARCH: no"), "salesforce")
    'Salesforce refused the request. The log of the web process has its answer.'
    >>> plain(AuthError("hubspot: the token was not accepted; renew it"), "hubspot")
    'HubSpot: the token was not accepted; renew it'
    """
    text = str(error)
    name = crm_name(connector)
    if _RAW.search(text) is None:
        ours = text.removeprefix(f"{connector}: ")
        return text if ours == text else f"{name}: {ours}"
    if isinstance(error, AuthError):
        return f"{name} does not accept our credentials, or they lack a right. {_TEST}"
    if isinstance(error, QuotaError):
        return f"Today's API calls of {name} are used up. Try again tomorrow."
    if isinstance(error, UnavailableError):
        return f"{name} does not answer as it should. {_LATER}"
    if isinstance(error, NotFoundError):
        return f"{name} does not have what was asked for. {_LOG}"
    return f"{name} refused the request. {_LOG}"


def describe(error: Exception, connector: str) -> str:
    """Return the words for an error of ours or of a CRM; a CRM's own words go to the log."""
    if not isinstance(error, ConnectorError):
        return str(error)
    if _RAW.search(str(error)) is not None:
        log.warning("%s", error)
    return plain(error, connector)


def quoted(error: ConnectorError) -> str:
    """Return the status and the vendor's code of an answer, for the log: its message may quote a
    name or a number that we sent.

    >>> quoted(ConnectorError("salesforce: HTTP 400: MALFORMED_SEARCH: no Kim Example"))
    'HTTP 400 MALFORMED_SEARCH'
    """
    found = _RAW.search(str(error))
    if found is None:
        return type(error).__name__
    return f"HTTP {found['status']} {found['code'] or ''}".rstrip()


def explain(text: str, connector: str) -> str:
    """Return a plain sentence for a stored text that quotes a CRM; "" for one that needs none.

    >>> explain("salesforce: HTTP 503 SERVER_UNAVAILABLE: busy, after 4 tries", "salesforce")
    'Salesforce had a fault or was down.'
    >>> explain("Only the reserve of today's API calls is left", "salesforce")
    ''
    """
    found = _RAW.search(text)
    if found is None:
        return ""
    status, name = int(found["status"]), crm_name(connector)
    if status in (401, 403):
        return f"{name} did not accept our credentials, or they lack a right. {_TEST}"
    if status == 429:
        return f"{name} had too many requests from us and others."
    if status == 404:
        return f"{name} did not have what was asked for."
    if status >= 500:
        return f"{name} had a fault or was down."
    return f"{name} refused the request."
