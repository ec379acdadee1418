"""Access tokens by OAuth, for an app that is installed in the company's account.

Facts ("OAuth authorization" on pipedrive.readme.io, step 7): a POST of a form to /oauth/token, with
the app's id and secret by HTTP Basic, gives an access token that lasts for an hour (`expires_in`).
**The refresh token stays the same**; each use lets it last for another 60 days. So it can stand in
the environment, and nothing has to be kept.

Whether a new access token ends those before it is not said. All threads of a process share one, and
a token that is refused is replaced once: should processes end each other's, they go on.
"""

from __future__ import annotations

import threading
import time
from typing import Any, Final

import requests

from config.redaction import register_secrets
from connectors.errors import AuthError, ConnectorError
from connectors.http.client import RetryableError, retry_after
from connectors.http.deadline import session
from connectors.http.error_text import one_line
from connectors.http.lenient_json import decode
from connectors.http.no_answer import explain
from connectors.http.statuses import is_passing
from phone_hygiene_pipedrive.settings import PipedriveSettings

_EARLY: Final = 120.0  # seconds before it ends, a token is renewed
_shared: dict[tuple[str, str], AccessToken] = {}  # by app and refresh token
_sharing = threading.Lock()


class AccessToken:
    """The access token of an account, for all threads of this process."""

    def __init__(self, settings: PipedriveSettings) -> None:
        self._url = f"{settings.oauth_url}/oauth/token"
        self._app = (settings.client_id, settings.client_secret)
        self._refresh_token = settings.refresh_token
        self._token = ""
        self._good_until = 0.0
        self._lock = threading.Lock()

    def current(self, timeout: Any) -> str:
        """Return a token that is good for some minutes. Raises `connectors.errors`."""
        return self._renewed(timeout, None)

    def replace(self, refused: str, timeout: Any) -> str:
        """Return another token than one that was refused."""
        return self._renewed(timeout, refused)

    def _renewed(self, timeout: Any, refused: str | None) -> str:
        with self._lock:
            if self._token == refused or time.monotonic() >= self._good_until:
                began = time.monotonic()
                self._token, seconds = self._fetch(timeout)
                register_secrets([self._token])
                self._good_until = began + seconds - _EARLY
            return self._token

    def _fetch(self, timeout: Any) -> tuple[str, int]:
        form = {"grant_type": "refresh_token", "refresh_token": self._refresh_token}
        try:
            with session() as once:
                answer = once.post(
                    self._url, data=form, auth=self._app, timeout=timeout, allow_redirects=False
                )
        except (requests.RequestException, OSError) as error:
            raise explain("pipedrive", error, self._url) from error
        if is_passing(answer.status_code):
            after = retry_after(answer.headers.get("Retry-After"))
            raise RetryableError(f"HTTP {answer.status_code} from the address of tokens", after)
        try:
            body = decode(answer.content)
        except ValueError:
            body = None
        said = body if isinstance(body, dict) else {}
        if answer.status_code != 200:
            reason = one_line(said.get("error_description") or said.get("error") or "no reason")
            raise AuthError(
                f"pipedrive: no access token: HTTP {answer.status_code}: {reason}; check "
                "PIPEDRIVE_CLIENT_ID and PIPEDRIVE_CLIENT_SECRET, or install the app again and set "
                "PIPEDRIVE_REFRESH_TOKEN"
            )
        token, seconds = said.get("access_token"), said.get("expires_in")
        if not isinstance(token, str) or not token or not isinstance(seconds, int):
            raise ConnectorError("pipedrive: the answer with the access token has an unknown form")
        if said.get("refresh_token", self._refresh_token) != self._refresh_token:
            raise AuthError(
                "pipedrive: the refresh token has changed, which it does not by Pipedrive's "
                "documents, and cannot be kept here; use PIPEDRIVE_API_TOKEN"
            )
        return token, seconds


def shared_token(settings: PipedriveSettings) -> AccessToken:
    """Return the token of these settings, the same for all connectors of this process."""
    with _sharing:
        key = (settings.client_id, settings.refresh_token)
        return _shared.setdefault(key, AccessToken(settings))
