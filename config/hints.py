"""What each setting is for: shown beside it on the settings page.

Of the TOML file by the comments in `hygiene.toml`, which lists every setting; of the environment by
the rows of docs/settings.md, which a test compares.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from config import connections

_TABLE = re.compile(r"\[([\w.]+)\]")
_SETTING = re.compile(r"(\w+)\s*=\s*(?:\"[^\"]*\"|[^#\"]*)+?\s*#\s*(.+)")
_MORE = re.compile(r"\s+#\s+(.+)")

_VONAGE = "webhooks of Vonage; how its SMS API signs: md5hash, md5, sha1, sha256 or sha512"
ENVIRONMENT = {
    "SALESFORCE_LOGIN_URL": "client credentials",
    "SALESFORCE_CLIENT_ID": "client credentials",
    "SALESFORCE_CLIENT_SECRET": "client credentials",
    "SALESFORCE_USERNAME": "JWT bearer, instead of the secret",
    "SALESFORCE_PRIVATE_KEY_FILE": "JWT bearer, instead of the secret",
    "SALESFORCE_INSTANCE_URL": "a session you already have",
    "SALESFORCE_ACCESS_TOKEN": "a session you already have",
    "SALESFORCE_API_VERSION": "version of Salesforce's API",
    "HUBSPOT_ACCESS_TOKEN": "token of a Service Key or of the app; another base address",
    "HUBSPOT_API_URL": "token of a Service Key or of the app; another base address",
    "HUBSPOT_CLIENT_ID": "login by OAuth, instead of the access token",
    "HUBSPOT_REFRESH_TOKEN": "login by OAuth, instead of the access token",
    "HUBSPOT_API_VERSION": "dated version of HubSpot's API",
    "TWILIO_ACCOUNT_SID": "Twilio Lookup",
    "TWILIO_AUTH_TOKEN": "Twilio Lookup",
    "TWILIO_API_KEY": "Twilio Lookup",
    "TWILIO_API_SECRET": "Twilio Lookup",
    "NUMVERIFY_ACCESS_KEY": "NumVerify, ClearoutPhone",
    "CLEAROUTPHONE_API_TOKEN": "NumVerify, ClearoutPhone",
    "RND_REFRESH_TOKEN": "the FCC's Reassigned Numbers Database",
    "RND_COMPANY_ID": "the FCC's Reassigned Numbers Database",
    "TWILIO_WEBHOOK_SHARED_KEY": (
        "set it if Twilio signs its webhooks with a shared key (SHA-256) instead of the auth token"
    ),
    "TWILIO_MESSAGING_SERVICE_SID": "what texts to customers are sent by",
    "TWILIO_FROM_NUMBER": "what texts to customers are sent by",
    "TWILIO_LOOKUP_URL": "other base addresses",
    "TWILIO_API_URL": "other base addresses",
    "NUMVERIFY_URL": "other base addresses",
    "CLEAROUTPHONE_URL": "other base addresses",
    "RND_URL": "other base addresses",
    "DATABASE_URL": "postgresql://USER:PASSWORD@HOST/NAME or sqlite:///PATH",
    "REDIS_URL": (
        "redis://HOST:PORT/0, or rediss:// with TLS and a checked certificate (production.md)"
    ),
    "REDIS_SSL_CERT_REQS": "none: do not check the certificate of a rediss:// Redis",
    "HYGIENE_HOME": (
        "folder of the embedded database and Redis; a new one is announced, and hygiene "
        "doctor shows it"
    ),
    "HYGIENE_CONFIG": "path of your TOML file",
    "PORT": "port of the web process, in the demo too; where a platform sets it: production.md",
    "ADMIN_PASSWORD": (
        "password of admin on the pages. Without it, people and an identity provider, the "
        "pages need a one-time link, printed on a terminal (admin.md)"
    ),
    "OIDC_ISSUER": "login through your identity provider",
    "OIDC_CLIENT_ID": "login through your identity provider",
    "OIDC_CLIENT_SECRET": "login through your identity provider",
    "ADMIN_TOKEN": "a token of the HTTP API with every right; make others with hygiene tokens",
    "SMTP_URL": "where alerts are sent",
    "ALERT_WEBHOOK_URL": "where alerts are sent",
    "PUBLIC_URL": (
        "your address as recipients and webhooks know it; the pages answer to its host name"
    ),
    "HUBSPOT_CLIENT_SECRET": (
        "HubSpot signs its webhooks with it; Twilio signs with TWILIO_AUTH_TOKEN"
    ),
    "VONAGE_SIGNATURE_SECRET": _VONAGE,
    "VONAGE_SIGNATURE_METHOD": _VONAGE,
    "TELNYX_PUBLIC_KEY": "webhooks of Telnyx: the public key of the account",
    "SINCH_WEBHOOK_SECRET": "webhooks of Sinch, or the login of its callbacks instead",
    "SINCH_CALLBACK_USERNAME": "webhooks of Sinch, or the login of its callbacks instead",
    "SINCH_CALLBACK_PASSWORD": "webhooks of Sinch, or the login of its callbacks instead",
    "PLIVO_AUTH_TOKEN": "webhooks of Plivo, JustCall and Aircall",
    "JUSTCALL_API_SECRET": "webhooks of Plivo, JustCall and Aircall",
    "AIRCALL_WEBHOOK_TOKEN": "webhooks of Plivo, JustCall and Aircall",
    "SECRET_KEY": "for links and for the hashes of erased numbers; the key used before",
    "SECRET_KEY_PREVIOUS": "for links and for the hashes of erased numbers; the key used before",
    "OTEL_EXPORTER_OTLP_ENDPOINT": "where OpenTelemetry traces go (with the extra otel)",
}


@cache
def _of_file() -> dict[str, str]:
    """Return the comments of the TOML file by the setting that they stand beside."""
    hints: dict[str, str] = {}
    table = name = ""
    for line in (Path(__file__).parent / "hygiene.toml").read_text(encoding="utf-8").splitlines():
        if heading := _TABLE.fullmatch(line.partition("#")[0].strip()):
            table, name = heading.group(1), ""
        elif setting := _SETTING.fullmatch(line):
            name = f"{table}.{setting.group(1)}"
            hints[name] = setting.group(2)
        elif (continuation := _MORE.fullmatch(line)) and name:
            hints[name] += f" {continuation.group(1)}"
        else:
            name = ""
    return hints


def hint(name: str) -> str:
    """Return what a setting is for; "" where nothing is written of it.

    >>> hint("sync.every")
    'how often beat pulls what has changed in each CRM'
    >>> hint("PORT")[:20], hint("unheard.of")
    ('port of the web proc', '')
    """
    if name.startswith("connectors."):
        table, connection, *rest = name.split(".")
        name = ".".join((table, connections.kind_of(connection), *rest))
    return ENVIRONMENT.get(connections.base_variable(name)) or _of_file().get(name, "")
