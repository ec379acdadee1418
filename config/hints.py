"""What each setting is for: shown beside it on the settings page.

Of the TOML file by the comments in `hygiene.toml`, which lists every setting; of the environment by
the rows of docs/settings.md, which a test compares. The file explains a setting once: a provider's
is explained at the first one, a connection's at Salesforce, an object's at Contact.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from config import connections

_TABLE = re.compile(r"\[([\w.]+)\]")
_SETTING = re.compile(r"([\w.]+)\s*=\s*(?:\"[^\"]*\"|[^#\"])*#\s*(.+)")
_MORE = re.compile(r"\s+#\s+(.+)")
# Where a setting is explained that has no comment of its own: the first of these that fits.
_PROVIDER, _CONNECTION = r"verification\.providers\.\w+", r"connectors\.[\w-]+"
_EXPLAINED_AT = (
    (re.compile(rf"(?:{_PROVIDER}|capture)\.budget\."), "verification.budget."),
    (re.compile(rf"{_PROVIDER}\.(?=bulk_from)"), "verification.providers.clearoutphone."),
    (re.compile(rf"{_PROVIDER}\."), "verification.providers.twilio."),
    (re.compile(rf"{_CONNECTION}\.objects\.[\w-]+\."), "connectors.salesforce.objects.Contact."),
    (re.compile(rf"{_CONNECTION}\."), "connectors.salesforce."),
)

ENVIRONMENT = {
    "SALESFORCE_LOGIN_URL": "address of your org's login, such as https://acme.my.salesforce.com",
    "SALESFORCE_CLIENT_ID": "consumer key of the connected app",
    "SALESFORCE_CLIENT_SECRET": "consumer secret of the connected app: login by client credentials",
    "SALESFORCE_USERNAME": "user to log in as by JWT bearer, instead of the consumer secret",
    "SALESFORCE_PRIVATE_KEY_FILE": "path of the private key that signs a login by JWT bearer",
    "SALESFORCE_INSTANCE_URL": "address of the org of a session that you already have",
    "SALESFORCE_ACCESS_TOKEN": "token of a session that you already have",
    "SALESFORCE_API_VERSION": "version of Salesforce's API",
    "SALESFORCE_PUBSUB_URL": "address of Salesforce's change events (streaming.md)",
    "HUBSPOT_ACCESS_TOKEN": "token of a Service Key or of the app",
    "HUBSPOT_API_URL": "another base address of HubSpot's API",
    "HUBSPOT_CLIENT_ID": "client id of the app, for login by OAuth instead of the access token",
    "HUBSPOT_REFRESH_TOKEN": "refresh token of the account, for login by OAuth",
    "HUBSPOT_API_VERSION": "dated version of HubSpot's API",
    "TWILIO_ACCOUNT_SID": "Twilio account that lookups are made with and paid by",
    "TWILIO_AUTH_TOKEN": (
        "auth token of the Twilio account; also checks the signature of its webhooks"
    ),
    "TWILIO_API_KEY": "Twilio API key, to make lookups without the auth token",
    "TWILIO_API_SECRET": "secret of the Twilio API key",
    "NUMVERIFY_ACCESS_KEY": "access key of NumVerify",
    "CLEAROUTPHONE_API_TOKEN": "API token of ClearoutPhone",
    "RND_REFRESH_TOKEN": "refresh token of the FCC's Reassigned Numbers Database",
    "RND_COMPANY_ID": "your company's id in the Reassigned Numbers Database",
    "TWILIO_WEBHOOK_SHARED_KEY": (
        "set it if Twilio signs its webhooks with a shared key (SHA-256) instead of the auth token"
    ),
    "TWILIO_MESSAGING_SERVICE_SID": "Twilio messaging service that sends texts to customers",
    "TWILIO_FROM_NUMBER": (
        "number that texts to customers come from, instead of a messaging service"
    ),
    "TWILIO_LOOKUP_URL": "another base address of Twilio Lookup",
    "TWILIO_API_URL": "another base address of Twilio's other API",
    "NUMVERIFY_URL": "another base address of NumVerify",
    "CLEAROUTPHONE_URL": "another base address of ClearoutPhone",
    "RND_URL": "another base address of the Reassigned Numbers Database",
    "DATABASE_URL": "postgresql://USER:PASSWORD@HOST/NAME or sqlite:///PATH",
    "REDIS_URL": (
        "redis://HOST:PORT/0, or rediss:// with TLS and a checked certificate (production.md)"
    ),
    "REDIS_SSL_CERT_REQS": "none: do not check the certificate of a rediss:// Redis",
    "HYGIENE_HOME": (
        "folder of the embedded database and Redis; a new one is announced, and hygiene doctor "
        "shows it"
    ),
    "HYGIENE_CONFIG": "path of your TOML file",
    "PORT": "port of the web process, in the demo too; where a platform sets it: production.md",
    "ADMIN_PASSWORD": (
        "password of admin on the pages. Without it, people and an identity provider, the pages "
        "need a one-time link, printed on a terminal (admin.md)"
    ),
    "OIDC_ISSUER": "address of the identity provider through which people log in",
    "OIDC_CLIENT_ID": "client id at the identity provider",
    "OIDC_CLIENT_SECRET": "client secret at the identity provider",
    "ADMIN_TOKEN": "a token of the HTTP API with every right; make others with hygiene tokens",
    "SMTP_URL": "mail server that sends alerts, the digest and emails to customers",
    "ALERT_WEBHOOK_URL": "address of your own program that receives each alert as JSON",
    "PUBLIC_URL": (
        "your address as recipients and webhooks know it; the pages answer to its host name"
    ),
    "HUBSPOT_CLIENT_SECRET": (
        "client secret of the HubSpot app; checks the signature of its webhooks"
    ),
    "VONAGE_SIGNATURE_SECRET": "checks the signature of Vonage's webhooks",
    "VONAGE_SIGNATURE_METHOD": "how Vonage's SMS API signs: md5hash, md5, sha1, sha256 or sha512",
    "TELNYX_PUBLIC_KEY": "public key of the Telnyx account; checks the signature of its webhooks",
    "SINCH_WEBHOOK_SECRET": "checks the signature of Sinch's webhooks",
    "SINCH_CALLBACK_USERNAME": (
        "user name that Sinch's callbacks log in with, where they are not signed"
    ),
    "SINCH_CALLBACK_PASSWORD": "password that Sinch's callbacks log in with",
    "PLIVO_AUTH_TOKEN": "checks the signature of Plivo's webhooks",
    "JUSTCALL_API_SECRET": "checks the signature of JustCall's webhooks; also logs in to its API",
    "AIRCALL_WEBHOOK_TOKEN": "token that Aircall's webhooks carry",
    "SECRET_KEY": "signs links, encrypts stored secrets and hashes erased numbers",
    "SECRET_KEY_PREVIOUS": (
        "your former SECRET_KEY; it still recognises what it signed, encrypted or hashed"
    ),
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
    >>> hint("verification.providers.rnd.budget.month") == hint("verification.budget.month")
    True
    """
    if name.startswith("connectors."):
        table, connection, *rest = name.split(".")
        name = ".".join((table, connections.kind_of(connection), *rest))
    hints = _of_file()
    if found := ENVIRONMENT.get(connections.base_variable(name)) or hints.get(name):
        return found
    others = [where + name[at.end() :] for form, where in _EXPLAINED_AT if (at := form.match(name))]
    table = name.rpartition(".")[0]  # of an entry such as `opt_out_fields.DoNotCall`
    return next((hints[other] for other in (*others, table) if other in hints), "")
