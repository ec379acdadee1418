"""Logins and addresses of CRMs, providers and the identity provider, from the environment."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from config.section import Section


class OidcCredentials(Section):
    issuer: str
    client_id: str
    client_secret: str = Field(repr=False)


# The newest dated version that the tests were run against; it is never discovered.
HUBSPOT_API_VERSION = "2026-09"


class SalesforceCredentials(Section):
    instance_url: str = ""
    access_token: str = Field("", repr=False)
    login_url: str = ""
    client_id: str = ""
    client_secret: str = Field("", repr=False)
    username: str = ""
    private_key_file: str = ""
    api_version: str = "62.0"
    pubsub_url: str = "https://api.pubsub.salesforce.com:7443"  # change events, over gRPC


class HubSpotCredentials(Section):
    """Either a token that does not expire, or what OAuth needs to get one: id and secret of the
    app, and the refresh token of the account that it is installed in. HubSpot signs its webhooks
    with the secret too."""

    access_token: str = Field("", repr=False)
    api_url: str = "https://api.hubapi.com"
    api_version: str = HUBSPOT_API_VERSION
    client_secret: str = Field("", repr=False)
    client_id: str = ""
    refresh_token: str = Field("", repr=False)


class TwilioCredentials(Section):
    """`user` and `password` of HTTP Basic: account SID and auth token, or an API key and secret.

    `webhook_shared_key`: signs webhooks instead of the auth token where a Webhook Rule of the
    account says so; two of them, separated by a comma, while one replaces the other.
    `messaging_service_sid` or `from_number`: what messages are sent by, at `api_url`.
    """

    account_sid: str = ""
    auth_token: str = Field("", repr=False)
    api_key: str = ""
    api_secret: str = Field("", repr=False)
    webhook_shared_key: str = Field("", repr=False)
    url: str = "https://lookups.twilio.com"
    messaging_service_sid: str = ""
    from_number: str = ""
    api_url: str = "https://api.twilio.com"

    @property
    def shared_keys(self) -> tuple[str, ...]:
        return tuple(filter(None, (key.strip() for key in self.webhook_shared_key.split(","))))

    @property
    def login(self) -> tuple[str, str]:
        if self.api_key:
            return self.api_key, self.api_secret
        return self.account_sid, self.auth_token


class NumVerifyCredentials(Section):
    access_key: str = Field(repr=False)
    url: str = "https://apilayer.net/api"


class ClearoutPhoneCredentials(Section):
    api_token: str = Field(repr=False)
    url: str = "https://api.clearoutphone.io/v1"


class RndCredentials(Section):
    """Of the FCC's Reassigned Numbers Database."""

    refresh_token: str = Field(repr=False)
    company_id: str
    url: str = "https://api.reassigned.us"


# Of vendors of messages and calls whose webhooks we take (`worker.feedback.sources`).


class VonageCredentials(Section):
    """`signature_method`: of the SMS API alone, as the account's settings have it; the Messages API
    always signs with SHA-256."""

    signature_secret: str = Field(repr=False)
    signature_method: Literal["md5hash", "md5", "sha1", "sha256", "sha512"] = "sha256"


class TelnyxCredentials(Section):
    public_key: str  # of the account, in base64; no secret


class SinchCredentials(Section):
    """Either the secret of the signature, or the login that callbacks come with."""

    webhook_secret: str = Field("", repr=False)
    callback_username: str = ""
    callback_password: str = Field("", repr=False)


class PlivoCredentials(Section):
    auth_token: str = Field(repr=False)


class JustCallCredentials(Section):
    api_secret: str = Field(repr=False)


class AircallCredentials(Section):
    webhook_token: str = Field(repr=False)
