"""Logins and addresses of CRMs, providers and the identity provider, from the environment."""

from __future__ import annotations

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


class HubSpotCredentials(Section):
    access_token: str = Field(repr=False)
    api_url: str = "https://api.hubapi.com"
    api_version: str = HUBSPOT_API_VERSION
    client_secret: str = Field("", repr=False)  # HubSpot signs its webhooks with it


class TwilioCredentials(Section):
    """`user` and `password` of HTTP Basic: account SID and auth token, or an API key and secret.

    `webhook_shared_key`: signs webhooks instead of the auth token where a Webhook Rule of the
    account says so; two of them, separated by a comma, while one replaces the other.
    """

    account_sid: str = ""
    auth_token: str = Field("", repr=False)
    api_key: str = ""
    api_secret: str = Field("", repr=False)
    webhook_shared_key: str = Field("", repr=False)
    url: str = "https://lookups.twilio.com"

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
