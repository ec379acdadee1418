"""Read the environment: secrets and addresses, each checked before the first call.

Every function adds a line to `problems` for whatever is wrong, naming the variable, and continues:
an operator learns all of it at once.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from config import connections
from config.credentials import (
    HUBSPOT_API_VERSION,
    AircallCredentials,
    ClearoutPhoneCredentials,
    HubSpotCredentials,
    JustCallCredentials,
    NumVerifyCredentials,
    OidcCredentials,
    PlivoCredentials,
    RndCredentials,
    SalesforceCredentials,
    SinchCredentials,
    TelnyxCredentials,
    TwilioCredentials,
    VonageCredentials,
)
from config.events import SECRET_ENDS, variable_prefix
from config.redaction import register_secrets
from config.redis_url import RedisUrlError, explicit

_DATED = re.compile(r"20\d\d-(?:03|09)(?:-beta)?")
_ENDPOINT_SECRET = re.compile(r"(EVENT_ENDPOINT_[A-Z0-9_]+_SECRET)(?:_FILE)?")
_CHANNEL_URL = re.compile(r"(ALERT_CHANNEL_[A-Z0-9_]+_URL)(?:_FILE)?")


# Each may stand in a file instead, as container platforms and systemd hand secrets over: NAME_FILE.
SECRETS = (
    "SALESFORCE_ACCESS_TOKEN", "SALESFORCE_CLIENT_SECRET", "HUBSPOT_ACCESS_TOKEN",
    "HUBSPOT_CLIENT_SECRET", "HUBSPOT_REFRESH_TOKEN", "TWILIO_AUTH_TOKEN", "TWILIO_API_SECRET",
    "TWILIO_WEBHOOK_SHARED_KEY", "NUMVERIFY_ACCESS_KEY", "CLEAROUTPHONE_API_TOKEN",
    "VONAGE_SIGNATURE_SECRET", "SINCH_WEBHOOK_SECRET", "SINCH_CALLBACK_PASSWORD",
    "PLIVO_AUTH_TOKEN", "JUSTCALL_API_SECRET", "AIRCALL_WEBHOOK_TOKEN",
    "RND_REFRESH_TOKEN", "SECRET_KEY", "SECRET_KEY_PREVIOUS",
    "ADMIN_PASSWORD", "ADMIN_TOKEN", "OIDC_CLIENT_SECRET", "SMTP_URL", "ALERT_WEBHOOK_URL",
    "DATABASE_URL", "REDIS_URL",
)  # fmt: skip


def _redis(env: Mapping[str, str], problems: list[str]) -> str:
    url = env.get("REDIS_URL", "")
    try:
        return explicit(url, env.get("REDIS_SSL_CERT_REQS", "")) if url else ""
    except RedisUrlError as error:
        problems.append(f"REDIS_URL: {error}")
        return url


def _password(url: str) -> str:
    try:
        return urlsplit(url).password or ""
    except ValueError:
        return ""


def with_secret_files(env: Mapping[str, str], problems: list[str]) -> Mapping[str, str]:
    """Return the environment, with secrets read from the files that `NAME_FILE` variables name.

    All secrets are registered: from now on they are redacted from whatever is logged or stored.
    """
    from_files = {name: text for name in SECRETS if (text := _from_file(env, name, problems))}
    env = {**env, **from_files} if from_files else env
    # An address is told where it does not answer; the passwords in it are no part of it then.
    addresses = ("DATABASE_URL", "REDIS_URL")
    register_secrets(env.get(name, "") for name in SECRETS if name not in addresses)
    register_secrets(_password(env.get(name, "")) for name in addresses)
    shared = env.get("TWILIO_WEBHOOK_SHARED_KEY", "")
    register_secrets(key.strip() for key in shared.split(","))  # one, or two of them
    return env


def secret(env: Mapping[str, str], name: str, problems: list[str]) -> str:
    """Return one more secret, for a connector of another package: from `NAME` or `NAME_FILE`."""
    text = (_from_file(env, name, problems) or env.get(name, "")).strip()
    register_secrets([text])
    return text


def _from_file(env: Mapping[str, str], name: str, problems: list[str]) -> str:
    """Return the content of the file of `NAME_FILE`, without trailing line ends; "" if there is
    none."""
    path = env.get(f"{name}_FILE")
    if not path:
        return ""
    if env.get(name):
        problems.append(f"{name} and {name}_FILE are both set: remove one of them")
        return ""
    try:
        text = Path(path).read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is not a text"
        problems.append(f"{name}_FILE: {path} cannot be read: {why}")
        return ""
    if not text:
        problems.append(f"{name}_FILE: {path} is empty")
    return text


def read(env: Mapping[str, str], problems: list[str]) -> dict[str, Any]:
    """Read all that `Settings` takes from the environment, by field."""
    home = Path(env.get("HYGIENE_HOME") or ".hygiene").absolute()
    database_url = env.get("DATABASE_URL") or f"sqlite:///{home / 'hygiene.db'}"
    values = {
        "home": home,
        "database_url": database_url,
        "redis_url": _redis(env, problems),
        "port": _port(env.get("PORT", ""), problems),
        "public_url": _url(env, "PUBLIC_URL", problems),
        "secret_key": env.get("SECRET_KEY", "").strip(),
        "secret_key_previous": env.get("SECRET_KEY_PREVIOUS", "").strip(),
        "admin_password": env.get("ADMIN_PASSWORD", ""),
        "admin_token": env.get("ADMIN_TOKEN", ""),
        "salesforce": _salesforce(env, problems),
        "hubspot": _hubspot(env, problems),
        "twilio": _twilio(env, problems),
        "numverify": _numverify(env, problems),
        "clearoutphone": _clearoutphone(env, problems),
        "rnd": _rnd(env, problems),
        "vonage": _vonage(env, problems),
        "telnyx": _telnyx(env, problems),
        "sinch": _sinch(env, problems),
        "plivo": _plivo(env),
        "justcall": _justcall(env),
        "aircall": _aircall(env),
        "oidc": _oidc(env, problems),
        "smtp_url": _smtp(env, problems),
        "alert_webhook_url": _webhook(env, problems, "ALERT_WEBHOOK_URL"),
        "alert_channel_urls": _channel_urls(env, problems),
        "event_endpoint_secrets": _endpoint_secrets(env, problems),
    }
    _check_database(database_url, problems)
    return values


def _port(text: str, problems: list[str]) -> int:
    if not text:
        return 8000
    if text.isascii() and text.isdigit() and 0 < int(text) < 65_536:
        return int(text)
    problems.append(f"PORT: write a number from 1 to 65535 (it says {text!r})")
    return 0


def _host(url: str) -> str:
    """Return the host of an address; "" if it has none, which `_url` has reported."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def _host_and_port(url: str) -> str:
    """Return the host and port as an address names them; "" if it has none (see `_host`)."""
    try:
        return urlsplit(url).netloc
    except ValueError:
        return ""


def _url(env: Mapping[str, str], name: str, problems: list[str], default: str = "") -> str:
    """Check a base URL: https anywhere, plain http on this machine only."""
    text = (env.get(name) or default).strip().rstrip("/")
    if not text:
        return ""
    try:
        parts = urlsplit(text)
        host, _port_number = parts.hostname, parts.port
    except ValueError:
        host, parts = None, urlsplit("")
    loopback = host in ("127.0.0.1", "localhost", "::1")
    if not host or parts.scheme not in ("http", "https"):
        is_salesforce = name.startswith("SALESFORCE")
        example = default or f"https://example{'.my.salesforce' * is_salesforce}.com"
        problems.append(f"{name}: write a full address such as {example}")
    elif parts.scheme == "http" and not loopback and name != "PUBLIC_URL":
        problems.append(f"{name}: use https:// (plain http is for 127.0.0.1 only)")
    elif parts.username or parts.query or parts.fragment:
        problems.append(f"{name}: give the address alone, without user, query or fragment")
    return text


def _check_database(url: str, problems: list[str]) -> None:
    if not url.startswith(("sqlite:///", "postgresql://", "postgres://", "postgresql+psycopg://")):
        problems.append(
            "DATABASE_URL: write postgresql://USER:PASSWORD@HOST/NAME or sqlite:///PATH"
        )


def _salesforce(env: Mapping[str, str], problems: list[str]) -> SalesforceCredentials | None:
    variables = _given(env, *connections.variables("salesforce"))
    if not variables.keys() - {"SALESFORCE_API_VERSION", "SALESFORCE_PUBSUB_URL"}:
        return None
    version = variables.get("SALESFORCE_API_VERSION", "62.0").removeprefix("v")
    if not re.fullmatch(r"\d{2}\.0", version):
        problems.append(f"SALESFORCE_API_VERSION: write it like 62.0 (it says {version!r})")
    elif float(version) < _OLDEST_API:
        problems.append(
            f"SALESFORCE_API_VERSION: {version} is too old; leave it out, or write 62.0 or newer"
        )
    credentials = SalesforceCredentials(
        instance_url=_url(env, "SALESFORCE_INSTANCE_URL", problems),
        access_token=variables.get("SALESFORCE_ACCESS_TOKEN", ""),
        login_url=_url(env, "SALESFORCE_LOGIN_URL", problems),
        client_id=variables.get("SALESFORCE_CLIENT_ID", ""),
        client_secret=variables.get("SALESFORCE_CLIENT_SECRET", ""),
        username=variables.get("SALESFORCE_USERNAME", ""),
        private_key_file=variables.get("SALESFORCE_PRIVATE_KEY_FILE", ""),
        api_version=version,
        pubsub_url=_url(env, "SALESFORCE_PUBSUB_URL", problems, _PUBSUB_URL),
    )
    if credentials.access_token or (credentials.instance_url and not credentials.client_id):
        missing = [
            name
            for name, value in (
                ("SALESFORCE_INSTANCE_URL", credentials.instance_url),
                ("SALESFORCE_ACCESS_TOKEN", credentials.access_token),
            )
            if not value
        ]
        problems.extend(f"{name}: missing; it goes with the other one" for name in missing)
    elif not credentials.login_url or not credentials.client_id:
        for name, value in (
            ("SALESFORCE_LOGIN_URL", credentials.login_url),
            ("SALESFORCE_CLIENT_ID", credentials.client_id),
        ):
            if not value:
                problems.append(f"{name}: missing; Salesforce needs it to log in")
    elif not credentials.client_secret and not (
        credentials.username and credentials.private_key_file
    ):
        problems.append(
            "SALESFORCE_CLIENT_SECRET: missing; give it (client credentials), or "
            "SALESFORCE_USERNAME and SALESFORCE_PRIVATE_KEY_FILE (JWT bearer)"
        )
    _salesforce_addresses(credentials, problems)
    if credentials.private_key_file and not Path(credentials.private_key_file).is_file():
        problems.append(
            f"SALESFORCE_PRIVATE_KEY_FILE: there is no file {credentials.private_key_file}"
        )
    return credentials


# Source: Pub/Sub API, "Pub/Sub API Endpoints".
_PUBSUB_URL = "https://api.pubsub.salesforce.com:7443"

# Collections came with 42.0; versions up to 30.0 are retired, 31.0 to 40.0 follow in Summer '28.
# Source: Salesforce Help, "Salesforce Platform API Versions 21.0 through 30.0 Retirement" and its
# successor for 31.0 through 40.0.
_OLDEST_API = 42.0


# The hosts at which any org logs in; the client credentials flow wants the org's own.
# Source: Salesforce Help, "OAuth 2.0 Client Credentials Flow for Server-to-Server Integration".
SHARED_LOGINS = ("login.salesforce.com", "test.salesforce.com")


def _salesforce_addresses(credentials: SalesforceCredentials, problems: list[str]) -> None:
    """Report Salesforce addresses that were copied from the wrong place, before the first call."""
    if credentials.client_secret and _host(credentials.login_url) in SHARED_LOGINS:
        problems.append(
            f"SALESFORCE_LOGIN_URL: {credentials.login_url} does not take the client credentials "
            "flow; write your My Domain address, such as https://yourcompany.my.salesforce.com "
            "(Setup > My Domain)"
        )
    for name, url in (
        ("SALESFORCE_LOGIN_URL", credentials.login_url),
        ("SALESFORCE_INSTANCE_URL", credentials.instance_url),
    ):
        host = _host(url)
        if host.endswith((".lightning.force.com", ".salesforce-setup.com")):
            problems.append(
                f"{name}: {host} is for people, not for programs that log in; write your "
                "My Domain address, such as https://yourcompany.my.salesforce.com"
            )


def _hubspot(env: Mapping[str, str], problems: list[str]) -> HubSpotCredentials | None:
    url = _url(env, "HUBSPOT_API_URL", problems, "https://api.hubapi.com")
    token = _one(env, "HUBSPOT_ACCESS_TOKEN")
    oauth = _given(env, "HUBSPOT_CLIENT_ID", "HUBSPOT_REFRESH_TOKEN")
    if token and "HUBSPOT_REFRESH_TOKEN" in oauth:
        problems.append(
            "HUBSPOT_REFRESH_TOKEN: HUBSPOT_ACCESS_TOKEN is set too; remove one of the two"
        )
    names = ("HUBSPOT_CLIENT_ID", "HUBSPOT_CLIENT_SECRET", "HUBSPOT_REFRESH_TOKEN")
    if oauth and not token:
        given = oauth | _given(env, "HUBSPOT_CLIENT_SECRET")
        if _missing(given, problems, *names, why="login by OAuth needs all three"):
            return None
    if token or oauth:
        secret = _one(env, "HUBSPOT_CLIENT_SECRET")
        version = env.get("HUBSPOT_API_VERSION", "").strip() or HUBSPOT_API_VERSION
        if not _DATED.fullmatch(version):
            problems.append(
                f"HUBSPOT_API_VERSION: {version[:20]!r} is no dated version of HubSpot's API, such "
                f"as {HUBSPOT_API_VERSION} (those with numbers, v1 to v4, end in 2027)"
            )
        return HubSpotCredentials(
            access_token=token,
            api_url=url,
            api_version=version,
            client_secret=secret,
            client_id=oauth.get("HUBSPOT_CLIENT_ID", ""),
            refresh_token=oauth.get("HUBSPOT_REFRESH_TOKEN", ""),
        )
    if env.get("HUBSPOT_API_URL"):
        problems.append("HUBSPOT_ACCESS_TOKEN: missing; HUBSPOT_API_URL alone connects nothing")
    return None


def credentials_of(
    env: Mapping[str, str], names: Iterable[str], problems: list[str]
) -> dict[str, SalesforceCredentials | HubSpotCredentials]:
    """Return the credentials of connections that are not the first of their kind, by name: those
    of Salesforce and HubSpot that have any."""
    readers = {"salesforce": _salesforce, "hubspot": _hubspot}
    found: dict[str, SalesforceCredentials | HubSpotCredentials] = {}
    for name in names:
        kind = connections.kind_of(name)
        if kind not in readers:
            continue
        values = {}
        for of_kind in connections.variables(kind):
            own = connections.variable(name, of_kind)
            if of_kind in SECRETS:
                values[of_kind] = secret(env, own, problems)
            elif of_kind.removesuffix("_FILE") not in SECRETS:
                values[of_kind] = env.get(own, "").strip()
        lines: list[str] = []
        credentials = readers[kind](values, lines)
        problems += [connections.in_words_of(name, line) for line in lines]
        if credentials is not None:
            found[name] = credentials
    return found


def shared_accounts(
    credentials: Mapping[str, SalesforceCredentials | HubSpotCredentials],
) -> list[str]:
    """Return a line for each connection that goes to the account of one before it: each would take
    the other's writes for those of people."""
    first: dict[tuple[str, ...], str] = {}
    problems = []
    for name, of_name in credentials.items():
        field, *account = _account(of_name)
        other = first.setdefault((connections.kind_of(name), *account), name)
        if other != name and any(account):
            kind = connections.prefix(connections.kind_of(name))
            problems.append(
                f"{connections.variable(name, f'{kind}_{field}')}: {name} and {other} go to the "
                "same account; remove one of the two connections"
            )
    return problems


def _account(credentials: SalesforceCredentials | HubSpotCredentials) -> tuple[str, ...]:
    """Return the variable that names the account, and what tells it from others. At a shared login
    the user tells the org."""
    if isinstance(credentials, HubSpotCredentials):
        field = "ACCESS_TOKEN" if credentials.access_token else "REFRESH_TOKEN"
        token = credentials.access_token or credentials.refresh_token
        return field, _host_and_port(credentials.api_url), token
    if credentials.access_token:
        return "INSTANCE_URL", _host_and_port(credentials.instance_url)
    user = "" if credentials.client_secret else credentials.username
    return "LOGIN_URL", _host_and_port(credentials.login_url), user


def _given(env: Mapping[str, str], *names: str) -> dict[str, str]:
    """Return the variables that are set, stripped: a key copied with its line end must not fail."""
    stripped = {name: env.get(name, "").strip() for name in names}
    return {name: value for name, value in stripped.items() if value}


def _missing(variables: Mapping[str, str], problems: list[str], *names: str, why: str) -> bool:
    lacking = [name for name in names if name not in variables]
    problems.extend(f"{name}: missing; {why}" for name in lacking)
    return bool(lacking)


def _twilio(env: Mapping[str, str], problems: list[str]) -> TwilioCredentials | None:
    names = ("TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN", "TWILIO_API_KEY", "TWILIO_API_SECRET")
    variables = _given(env, *names)
    url = _url(env, "TWILIO_LOOKUP_URL", problems, "https://lookups.twilio.com")
    by_key = "TWILIO_API_KEY" in variables or "TWILIO_API_SECRET" in variables
    alone = ("TWILIO_LOOKUP_URL", "TWILIO_WEBHOOK_SHARED_KEY")
    if not variables and not any(env.get(name) for name in alone):
        return None
    pair = names[2:] if by_key else names[:2]
    if _missing(variables, problems, *pair, why="Twilio's login is a pair of both"):
        return None
    variables |= _given(env, "TWILIO_WEBHOOK_SHARED_KEY")
    variables |= _twilio_sender(env, problems)
    return TwilioCredentials(
        **{name.removeprefix("TWILIO_").lower(): value for name, value in variables.items()},
        url=url,
    )


def _twilio_sender(env: Mapping[str, str], problems: list[str]) -> dict[str, str]:
    """Return what messages are sent by. Forms: https://www.twilio.com/docs/glossary/what-is-a-sid
    and https://www.twilio.com/docs/glossary/what-e164."""
    variables = _given(env, "TWILIO_MESSAGING_SERVICE_SID", "TWILIO_FROM_NUMBER")
    for name, form, example in (
        ("TWILIO_MESSAGING_SERVICE_SID", r"MG[0-9a-fA-F]{32}", "MG and 32 characters"),
        ("TWILIO_FROM_NUMBER", r"\+[1-9][0-9]{6,14}|[0-9]{3,8}", "+14155550123, or a short code"),
    ):
        if name in variables and not re.fullmatch(form, variables[name]):
            problems.append(f"{name}: write {example}")
    api_url = _url(env, "TWILIO_API_URL", problems, "https://api.twilio.com")
    return {**variables, "TWILIO_API_URL": api_url}


def _keyed(
    env: Mapping[str, str], problems: list[str], name: str, key: str, default: str
) -> tuple[str, str] | None:
    """Return the credentials of a provider that needs one key: the key and its address."""
    variables = _given(env, key, f"{name}_URL")
    url = _url(env, f"{name}_URL", problems, default)
    if not variables or _missing(variables, problems, key, why="its URL alone connects nothing"):
        return None
    return variables[key], url


def _numverify(env: Mapping[str, str], problems: list[str]) -> NumVerifyCredentials | None:
    default = "https://apilayer.net/api"
    credentials = _keyed(env, problems, "NUMVERIFY", "NUMVERIFY_ACCESS_KEY", default)
    return (
        NumVerifyCredentials(access_key=credentials[0], url=credentials[1]) if credentials else None
    )


def _clearoutphone(env: Mapping[str, str], problems: list[str]) -> ClearoutPhoneCredentials | None:
    default = "https://api.clearoutphone.io/v1"
    credentials = _keyed(env, problems, "CLEAROUTPHONE", "CLEAROUTPHONE_API_TOKEN", default)
    return (
        ClearoutPhoneCredentials(api_token=credentials[0], url=credentials[1])
        if credentials
        else None
    )


def _rnd(env: Mapping[str, str], problems: list[str]) -> RndCredentials | None:
    variables = _given(env, "RND_REFRESH_TOKEN", "RND_COMPANY_ID", "RND_URL")
    url = _url(env, "RND_URL", problems, "https://api.reassigned.us")
    why = "the Reassigned Numbers Database needs token and company"
    if not variables or _missing(
        variables, problems, "RND_REFRESH_TOKEN", "RND_COMPANY_ID", why=why
    ):
        return None
    return RndCredentials(
        refresh_token=variables["RND_REFRESH_TOKEN"],
        company_id=variables["RND_COMPANY_ID"],
        url=url,
    )


def _one(env: Mapping[str, str], name: str) -> str:
    return _given(env, name).get(name, "")


def _plivo(env: Mapping[str, str]) -> PlivoCredentials | None:
    token = _one(env, "PLIVO_AUTH_TOKEN")
    return PlivoCredentials(auth_token=token) if token else None


def _justcall(env: Mapping[str, str]) -> JustCallCredentials | None:
    secret = _one(env, "JUSTCALL_API_SECRET")
    return JustCallCredentials(api_secret=secret) if secret else None


def _aircall(env: Mapping[str, str]) -> AircallCredentials | None:
    token = _one(env, "AIRCALL_WEBHOOK_TOKEN")
    return AircallCredentials(webhook_token=token) if token else None


_METHODS = ("md5hash", "md5", "sha1", "sha256", "sha512")


def _vonage(env: Mapping[str, str], problems: list[str]) -> VonageCredentials | None:
    variables = _given(env, "VONAGE_SIGNATURE_SECRET", "VONAGE_SIGNATURE_METHOD")
    why = "Vonage signs its webhooks with it"
    if not variables or _missing(variables, problems, "VONAGE_SIGNATURE_SECRET", why=why):
        return None
    method = variables.get("VONAGE_SIGNATURE_METHOD", "sha256").lower()
    if method not in _METHODS:
        problems.append(
            f"VONAGE_SIGNATURE_METHOD: write one of {', '.join(_METHODS)}, as the account's "
            f"settings have it (it says {method[:20]!r})"
        )
        return None
    return VonageCredentials.model_validate(
        {"signature_secret": variables["VONAGE_SIGNATURE_SECRET"], "signature_method": method}
    )


def _telnyx(env: Mapping[str, str], problems: list[str]) -> TelnyxCredentials | None:
    key = _one(env, "TELNYX_PUBLIC_KEY")
    if not key:
        return None
    try:
        size = len(base64.b64decode(key, validate=True))
    except (binascii.Error, ValueError):
        size = 0
    if size != 32:  # bytes of an Ed25519 public key (RFC 8032)
        problems.append(
            "TELNYX_PUBLIC_KEY: copy the account's public key, 44 characters of base64 (Mission "
            "Control > Keys & Credentials > Public Key)"
        )
        return None
    return TelnyxCredentials(public_key=key)


def _sinch(env: Mapping[str, str], problems: list[str]) -> SinchCredentials | None:
    login = ("SINCH_CALLBACK_USERNAME", "SINCH_CALLBACK_PASSWORD")
    variables = _given(env, "SINCH_WEBHOOK_SECRET", *login)
    if not variables:
        return None
    if variables.keys() & set(login) and _missing(
        variables, problems, *login, why="the login of Sinch's callbacks is a pair of both"
    ):
        return None
    return SinchCredentials(
        **{name.removeprefix("SINCH_").lower(): value for name, value in variables.items()}
    )


def _oidc(env: Mapping[str, str], problems: list[str]) -> OidcCredentials | None:
    variables = _given(env, "OIDC_ISSUER", "OIDC_CLIENT_ID", "OIDC_CLIENT_SECRET")
    issuer = _url(env, "OIDC_ISSUER", problems)
    why = "login by OpenID Connect needs all three"
    names = ("OIDC_ISSUER", "OIDC_CLIENT_ID", "OIDC_CLIENT_SECRET")
    if not variables or _missing(variables, problems, *names, why=why):
        return None
    return OidcCredentials(
        issuer=issuer,
        client_id=variables["OIDC_CLIENT_ID"],
        client_secret=variables["OIDC_CLIENT_SECRET"],
    )


def _smtp(env: Mapping[str, str], problems: list[str]) -> str:
    text = env.get("SMTP_URL", "").strip()
    try:
        parts = urlsplit(text)
        good = not text or (parts.scheme in ("smtp", "smtps") and bool(parts.hostname))
        _port_number = parts.port
    except ValueError:
        good = False
    if not good:
        problems.append("SMTP_URL: write smtp://USER:PASSWORD@HOST:587, or smtps:// for port 465")
    return text


def _webhook(env: Mapping[str, str], problems: list[str], name: str) -> str:
    """Check a webhook's address, whose path and query hold its secret."""
    text = env.get(name, "").strip()
    _url({name: text.partition("?")[0]}, name, problems)
    # Errors of HTTP clients quote the path alone.
    _scheme, _mark, rest = text.partition("://")
    register_secrets([rest.partition("/")[2]])
    return text


def _endpoint_secrets(env: Mapping[str, str], problems: list[str]) -> dict[str, str]:
    """Return the signing secrets of endpoints (`config.events`), by variable."""
    variables = {match[1] for name in env if (match := _ENDPOINT_SECRET.fullmatch(name))}
    secrets = {name: text for name in sorted(variables) if (text := secret(env, name, problems))}
    for name, text in secrets.items():
        if problem := _secret_problem(text):
            problems.append(f"{name}: {problem}")
    return secrets


def system_variables(
    env: Mapping[str, str], kinds: Iterable[str], problems: list[str]
) -> dict[str, str]:
    """Return what the environment says of systems (`worker.events.systems`), by variable. `kinds`:
    of endpoints. Which of them a system needs, it knows itself."""
    prefixes = tuple(variable_prefix(kind) for kind in kinds)
    values: dict[str, str] = {}
    for name in {name.removesuffix("_FILE") for name in env if name.startswith(prefixes)}:
        if name.endswith(SECRET_ENDS) and name not in SECRETS:
            values[name] = secret(env, name, problems)
        elif name.endswith("_URL"):
            found: list[str] = []
            values[name] = _url(env, name, found)
            problems += [line for line in found if line not in problems]
        else:
            values[name] = env.get(name, "").strip()
    return {name: text for name, text in sorted(values.items()) if text}


def _secret_problem(text: str) -> str:
    """The Standard Webhooks specification asks for 24 to 64 random bytes, in base64 after
    `whsec_`."""
    how = "write whsec_ and 24 to 64 random bytes in base64"
    try:
        raw = base64.b64decode(text.removeprefix("whsec_"), validate=True)
    except ValueError:
        return how
    return "" if text.startswith("whsec_") and 24 <= len(raw) <= 64 else how


def _channel_urls(env: Mapping[str, str], problems: list[str]) -> dict[str, str]:
    """Return the addresses of the channels of alerts (`config.alerts`), by variable."""
    variables = {match[1] for name in env if (match := _CHANNEL_URL.fullmatch(name))}
    urls = {}
    for variable in sorted(variables):
        if text := secret(env, variable, problems):
            urls[variable] = _webhook({variable: text}, problems, variable)
    return urls
