"""Typed settings: the environment for secrets and addresses, a TOML file for everything else.

`load()` reads both and either returns a whole, checked `Settings` or raises `SettingsError` with
one clear line for each problem, before anything else is read or opened.
"""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, Field, ValidationError

from config.access import AccessSettings, OidcCredentials
from config.feedback import FeedbackSettings, Retention
from config.redaction import hide
from config.redis_url import RedisUrlError, explicit
from config.section import Duration, Section, SettingsError, parse_duration
from config.segments import AlertSettings, SegmentSettings
from config.verification import Verification

__all__ = ["Settings", "SettingsError", "load", "parse_duration"]

DEFAULT_TOML = Path(__file__).with_name("hygiene.toml")
# The newest dated version that the tests were run against; it is never discovered.
HUBSPOT_API_VERSION = "2026-09"
_DATED = re.compile(r"20\d\d-(?:03|09)(?:-beta)?")


class ObjectMap(Section):
    """Where a CRM object keeps what the worker reads. A name the org lacks is skipped, and said."""

    phones: tuple[str, ...]
    country: tuple[str, ...] = ()  # the first one that holds something wins
    # The same country as an ISO code, in a field of its own. Where the two contradict each other
    # the record tells no country.
    country_code: str = ""
    state: str = ""
    email: str = ""
    website: str = ""
    source: str = ""
    campaign: str = ""
    value: str = ""  # a number: what the contact is worth
    consented: str = ""  # a date: last contact or consent, when the number was surely theirs
    created: str = ""  # when the record was made


class FieldNames(Section):
    """CRM names of what is written. `{phone}` stands for the phone field; "" leaves a field out."""

    status: str = ""
    e164: str = ""
    line_type: str = ""
    wrong_number: str = ""
    do_not_contact: str = ""
    do_not_call: str = ""
    do_not_text: str = ""
    run: str = ""
    reason: str = ""
    checked_at: str = ""
    best_phone: str = ""
    recheck: str = ""
    confirm_link: str = ""
    proposed_phone: str = ""
    isolated: str = ""


class ConnectorSettings(Section):
    enabled: bool = True
    default_country: str = ""
    reserve: float = Field(0.2, ge=0, lt=1)  # of the day's API calls, for the CRM's other users
    objects: dict[str, ObjectMap]
    fields: FieldNames


_SALESFORCE_FIELDS = FieldNames(
    status="{phone}_Status__c",
    e164="{phone}_E164__c",
    line_type="{phone}_Line_Type__c",
    wrong_number="Wrong_Number__c",
    do_not_contact="Phone_Do_Not_Contact__c",
    do_not_call="Phone_Do_Not_Call__c",
    do_not_text="Phone_Do_Not_Text__c",
    run="Phone_Hygiene_Run__c",
    reason="Phone_Hygiene_Reason__c",
    checked_at="Phone_Checked_At__c",
    best_phone="Best_Phone__c",
    recheck="Recheck_Phone__c",
    proposed_phone="Proposed_Phone__c",
)
_SALESFORCE_OBJECTS = {
    "Contact": ObjectMap(
        phones=("Phone", "MobilePhone", "HomePhone", "OtherPhone"),
        country=("MailingCountry", "OtherCountry"),
        state="MailingState",
        email="Email",
        source="LeadSource",
        created="CreatedDate",
    ),
    "Lead": ObjectMap(
        phones=("Phone", "MobilePhone"),
        country=("Country",),
        state="State",
        email="Email",
        website="Website",
        source="LeadSource",
        created="CreatedDate",
    ),
}
_HUBSPOT_FIELDS = FieldNames(
    status="hygiene_{phone}_status",
    e164="hygiene_{phone}_e164",
    line_type="hygiene_{phone}_line_type",
    wrong_number="hygiene_wrong_number",
    do_not_contact="hygiene_do_not_contact",
    do_not_call="hygiene_do_not_call",
    do_not_text="hygiene_do_not_text",
    run="hygiene_run",
    reason="hygiene_reason",
    checked_at="hygiene_checked_at",
    best_phone="hygiene_best_phone",
    recheck="hygiene_recheck",
    proposed_phone="hygiene_proposed_phone",
)
_HUBSPOT_OBJECTS = {
    "contacts": ObjectMap(
        phones=("phone", "mobilephone"),
        country=("country",),
        country_code="hs_country_region_code",
        state="state",
        email="email",
        website="website",
        source="hs_analytics_source",
        campaign="hs_analytics_source_data_1",
        created="createdate",
    )
}


class SalesforceSettings(ConnectorSettings):
    bulk_from: int = Field(20_000, ge=0)  # records left from which Bulk API 2.0 reads; 0 = never
    batch_size: int = Field(200, ge=1, le=200)  # records in a writing REST call
    bulk_batch_size: int = Field(10_000, ge=200, le=100_000)  # records in a writing Bulk job
    allow_duplicates: bool = False  # write also where a duplicate rule would only warn
    objects: dict[str, ObjectMap] = _SALESFORCE_OBJECTS
    fields: FieldNames = _SALESFORCE_FIELDS


class HubSpotSettings(ConnectorSettings):
    # How long it may take until HubSpot's searches find a change; they are read again for so long.
    search_lag: Duration = timedelta(hours=1)
    objects: dict[str, ObjectMap] = _HUBSPOT_OBJECTS
    fields: FieldNames = _HUBSPOT_FIELDS


class CsvSettings(Section):
    """A list on disk that is treated like a CRM. Columns left out are recognised by their names."""

    enabled: bool = True
    path: str = ""
    encoding: str = ""
    delimiter: str = ""
    default_country: str = ""
    id_column: str = ""
    phone_columns: tuple[str, ...] = ()
    country_column: str = ""
    source_column: str = ""
    fields: FieldNames = FieldNames(
        status="{phone} status",
        e164="{phone} e164",
        line_type="{phone} line type",
        wrong_number="wrong number",
        do_not_contact="do not contact",
        run="hygiene run",
        reason="hygiene reason",
        checked_at="hygiene checked at",
        best_phone="best phone",
    )


class Connectors(Section):
    salesforce: SalesforceSettings = SalesforceSettings()
    hubspot: HubSpotSettings = HubSpotSettings()
    csv: CsvSettings = CsvSettings()


class Policy(Section):
    """What counts, and what is done about it."""

    normalize: bool = False  # only this may change what a person typed
    # Leave records alone that were there before us, as long as nothing is wrong with them.
    quiet_first_sync: bool = False
    checked_at_refresh: Duration = timedelta(days=180)
    opt_out_text_stops_calls: bool = True


class Sync(Section):
    every: Duration = timedelta(minutes=15)
    full_every: Duration = timedelta(days=7)
    reverify_every: Duration = timedelta(hours=1)
    reverify_limit: int = Field(10_000, ge=1)
    overlap: Duration = timedelta(minutes=5)
    pages_in_flight: int = Field(6, ge=1, le=64)
    page_contacts: int = Field(500, ge=1, le=5000)
    page_lease: Duration = timedelta(minutes=2)
    page_attempts: int = Field(5, ge=1, le=100)
    # A full read that would remove more of an object from the index asks first.
    max_removals: float = Field(0.05, ge=0, le=1)  # share of the object's contacts
    max_removals_floor: int = Field(50, ge=0)  # contacts that may always be removed
    reread_after: Duration = timedelta(minutes=2)
    schema_ttl: Duration = timedelta(hours=12)


class Http(Section):
    """How calls to a CRM are made: seconds to wait, how often to try, how long in all."""

    connect_timeout: float = Field(10.0, gt=0)
    read_timeout: float = Field(60.0, gt=0)
    call_timeout: float = Field(120.0, gt=0)
    attempts: int = Field(6, ge=1, le=20)
    longest_wait: Duration = timedelta(minutes=2)
    first_wait: float = Field(0.5, gt=0)


class Log(Section):
    level: Literal["debug", "info", "warning", "error"] = "info"
    json_lines: bool = False


class FileSettings(Section):
    """Everything that the TOML file may hold."""

    connectors: Connectors = Connectors()
    policy: Policy = Policy()
    verification: Verification = Verification()
    sync: Sync = Sync()
    http: Http = Http()
    feedback: FeedbackSettings = FeedbackSettings()
    retention: Retention = Retention()
    segments: SegmentSettings = SegmentSettings()
    alerts: AlertSettings = AlertSettings()
    access: AccessSettings = AccessSettings()
    log: Log = Log()


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


class Settings(FileSettings):
    """The whole of it: the TOML file plus what came from the environment."""

    home: Path
    database_url: str
    redis_url: str = ""  # "" = the embedded Redis under `home`
    port: int = 8000
    public_url: str = ""
    secret_key: str = Field("", repr=False)
    secret_key_previous: str = Field("", repr=False)
    admin_password: str = Field("", repr=False)
    admin_token: str = Field("", repr=False)
    salesforce: SalesforceCredentials | None = None
    hubspot: HubSpotCredentials | None = None
    twilio: TwilioCredentials | None = None
    numverify: NumVerifyCredentials | None = None
    clearoutphone: ClearoutPhoneCredentials | None = None
    rnd: RndCredentials | None = None
    oidc: OidcCredentials | None = None
    smtp_url: str = Field("", repr=False)
    alert_webhook_url: str = Field("", repr=False)
    toml_path: Path | None = None

    def read_again(self, connector: str) -> timedelta:
        """How far back changes of a CRM are read again, since some become visible late: records
        that are committed late (`sync.overlap`), and what its searches find late."""
        lag = getattr(getattr(self.connectors, connector, None), "search_lag", timedelta(0))
        return max(self.sync.overlap, lag)

    @property
    def active_connectors(self) -> tuple[str, ...]:
        """Connectors with credentials that the TOML does not turn off, in a fixed order."""
        on = {
            "salesforce": self.salesforce is not None and self.connectors.salesforce.enabled,
            "hubspot": self.hubspot is not None and self.connectors.hubspot.enabled,
            "csv": bool(self.connectors.csv.path) and self.connectors.csv.enabled,
        }
        return tuple(name for name, active in on.items() if active)


def load(env: Mapping[str, str] | None = None, toml_path: Path | None = None) -> Settings:
    """Read the environment and the TOML file; raise `SettingsError` with every problem found."""
    problems: list[str] = []
    env = _with_files(os.environ if env is None else env, problems)
    # An address is told where it does not answer; the passwords in it are no part of it then.
    addresses = ("DATABASE_URL", "REDIS_URL")
    hide(env.get(name, "") for name in SECRETS if name not in addresses)
    hide(_password(env.get(name, "")) for name in addresses)
    shared = env.get("TWILIO_WEBHOOK_SHARED_KEY", "")
    hide(key.strip() for key in shared.split(","))  # one, or two of them
    path = toml_path or (Path(env["HYGIENE_CONFIG"]) if env.get("HYGIENE_CONFIG") else None)
    file = _load_file(path, problems)
    home = Path(env.get("HYGIENE_HOME") or ".hygiene").absolute()
    values: dict[str, Any] = {
        "home": home,
        "database_url": env.get("DATABASE_URL") or f"sqlite:///{home / 'hygiene.db'}",
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
        "oidc": _oidc(env, problems),
        "smtp_url": _smtp(env, problems),
        "alert_webhook_url": _webhook(env, problems),
        "toml_path": path,
    }
    _check_database(values["database_url"], problems)
    if problems or file is None:
        raise SettingsError(*problems)
    return Settings(**{name: getattr(file, name) for name in FileSettings.model_fields}, **values)


# Each may stand in a file instead, as container platforms and systemd hand secrets over: NAME_FILE.
SECRETS = (
    "SALESFORCE_ACCESS_TOKEN", "SALESFORCE_CLIENT_SECRET", "HUBSPOT_ACCESS_TOKEN",
    "HUBSPOT_CLIENT_SECRET", "TWILIO_AUTH_TOKEN", "TWILIO_API_SECRET",
    "TWILIO_WEBHOOK_SHARED_KEY", "NUMVERIFY_ACCESS_KEY", "CLEAROUTPHONE_API_TOKEN",
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


def _with_files(env: Mapping[str, str], problems: list[str]) -> Mapping[str, str]:
    """The environment with what `NAME_FILE` variables lead to; line ends at the end are dropped."""
    found: dict[str, str] = {}
    for name in SECRETS:
        path = env.get(f"{name}_FILE")
        if not path:
            continue
        if env.get(name):
            problems.append(f"{name} and {name}_FILE are both set: leave one of them out")
            continue
        try:
            found[name] = Path(path).read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            why = getattr(error, "strerror", None) or "it is not a text"
            problems.append(f"{name}_FILE: {path} cannot be read: {why}")
            continue
        if not found[name]:
            problems.append(f"{name}_FILE: {path} is empty")
    return {**env, **found} if found else env


def _load_file(path: Path | None, problems: list[str]) -> FileSettings | None:
    if path is None:
        return FileSettings()
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        problems.append(f"HYGIENE_CONFIG: there is no file {path}")
    except (OSError, UnicodeDecodeError) as error:
        problems.append(f"HYGIENE_CONFIG: {path} cannot be read: {error}")
    except tomllib.TOMLDecodeError as error:
        problems.append(f"{path}: not valid TOML: {error}")
    else:
        try:
            return FileSettings.model_validate(_merge_defaults(raw))
        except ValidationError as error:
            problems.extend(f"{path}: {_explain(detail)}" for detail in error.errors())
    return None


def _merge_defaults(raw: dict[str, Any]) -> dict[str, Any]:
    """Let a TOML table of fields or objects name only what differs from the defaults."""
    connectors = raw.get("connectors")
    if not isinstance(connectors, dict):
        return raw
    defaults = Connectors()
    for name in ("salesforce", "hubspot", "csv"):
        table = connectors.get(name)
        if not isinstance(table, dict):
            continue
        default = getattr(defaults, name)
        if isinstance(table.get("fields"), dict):
            table["fields"] = {**default.fields.model_dump(), **table["fields"]}
        objects = table.get("objects")
        if isinstance(objects, dict) and hasattr(default, "objects"):
            for key, given in objects.items():
                if key in default.objects and isinstance(given, dict):
                    objects[key] = {**default.objects[key].model_dump(), **given}
    return raw


def _explain(detail: Any) -> str:
    where = ".".join(str(part) for part in detail["loc"])
    if detail["type"] == "extra_forbidden":
        near = difflib.get_close_matches(str(detail["loc"][-1]), _known_names(), n=1)
        return f"{where}: no such setting" + (f"; did you mean '{near[0]}'?" if near else "")
    message = detail["msg"].removeprefix("Value error, ")
    return f"{where}: {message} (it says {detail['input']!r})"


def _known_names() -> list[str]:
    names: set[str] = set()

    def collect(model: type[BaseModel]) -> None:
        for name, info in model.model_fields.items():
            names.add(name)
            if isinstance(info.annotation, type) and issubclass(info.annotation, BaseModel):
                collect(info.annotation)

    collect(FileSettings)
    collect(ObjectMap)
    return sorted(names)


def _port(text: str, problems: list[str]) -> int:
    if not text:
        return 8000
    if text.isascii() and text.isdigit() and 0 < int(text) < 65_536:
        return int(text)
    problems.append(f"PORT: write a number from 1 to 65535 (it says {text!r})")
    return 0


def _host(url: str) -> str:
    """The host of an address; "" where it is none, which `_url` has told of."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def _url(env: Mapping[str, str], name: str, problems: list[str], default: str = "") -> str:
    """A base URL: https anywhere, plain http on this machine only."""
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
        problems.append(f"{name}: write a full address such as https://example.my.salesforce.com")
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
    ours = [name for name in env if name.startswith("SALESFORCE_")]
    given = _given(env, *ours)
    if not given.keys() - {"SALESFORCE_API_VERSION"}:
        return None
    version = given.get("SALESFORCE_API_VERSION", "62.0").removeprefix("v")
    if not re.fullmatch(r"\d{2}\.0", version):
        problems.append(f"SALESFORCE_API_VERSION: write it like 62.0 (it says {version!r})")
    elif float(version) < _OLDEST_API:
        problems.append(
            f"SALESFORCE_API_VERSION: {version} is too old; leave it out, or write 62.0 or newer"
        )
    found = SalesforceCredentials(
        instance_url=_url(env, "SALESFORCE_INSTANCE_URL", problems),
        access_token=given.get("SALESFORCE_ACCESS_TOKEN", ""),
        login_url=_url(env, "SALESFORCE_LOGIN_URL", problems),
        client_id=given.get("SALESFORCE_CLIENT_ID", ""),
        client_secret=given.get("SALESFORCE_CLIENT_SECRET", ""),
        username=given.get("SALESFORCE_USERNAME", ""),
        private_key_file=given.get("SALESFORCE_PRIVATE_KEY_FILE", ""),
        api_version=version,
    )
    if found.access_token or (found.instance_url and not found.client_id):
        missing = [
            name
            for name, value in (
                ("SALESFORCE_INSTANCE_URL", found.instance_url),
                ("SALESFORCE_ACCESS_TOKEN", found.access_token),
            )
            if not value
        ]
        problems.extend(f"{name}: missing; it goes with the other one" for name in missing)
    elif not found.login_url or not found.client_id:
        for name, value in (
            ("SALESFORCE_LOGIN_URL", found.login_url),
            ("SALESFORCE_CLIENT_ID", found.client_id),
        ):
            if not value:
                problems.append(f"{name}: missing; Salesforce needs it to log in")
    elif not found.client_secret and not (found.username and found.private_key_file):
        problems.append(
            "SALESFORCE_CLIENT_SECRET: missing; give it (client credentials), or "
            "SALESFORCE_USERNAME and SALESFORCE_PRIVATE_KEY_FILE (JWT bearer)"
        )
    _salesforce_addresses(found, problems)
    if found.private_key_file and not Path(found.private_key_file).is_file():
        problems.append(f"SALESFORCE_PRIVATE_KEY_FILE: there is no file {found.private_key_file}")
    return found


# Collections came with 42.0; versions up to 30.0 are retired, 31.0 to 40.0 follow in Summer '28.
# Source: Salesforce Help, "Salesforce Platform API Versions 21.0 through 30.0 Retirement" and its
# successor for 31.0 through 40.0.
_OLDEST_API = 42.0
# The hosts at which any org logs in; the client credentials flow wants the org's own.
# Source: Salesforce Help, "OAuth 2.0 Client Credentials Flow for Server-to-Server Integration".
_SHARED_LOGINS = ("login.salesforce.com", "test.salesforce.com")


def _salesforce_addresses(found: SalesforceCredentials, problems: list[str]) -> None:
    """Addresses that people copy from the wrong place, each said before the first call."""
    if found.client_secret and _host(found.login_url) in _SHARED_LOGINS:
        problems.append(
            f"SALESFORCE_LOGIN_URL: {found.login_url} does not take the client credentials flow; "
            "write your My Domain address, such as https://yourcompany.my.salesforce.com "
            "(Setup > My Domain)"
        )
    for name, url in (
        ("SALESFORCE_LOGIN_URL", found.login_url),
        ("SALESFORCE_INSTANCE_URL", found.instance_url),
    ):
        host = _host(url)
        if host.endswith((".lightning.force.com", ".salesforce-setup.com")):
            problems.append(
                f"{name}: {host} is where people work, and not where programs log in; write your "
                "My Domain address, such as https://yourcompany.my.salesforce.com"
            )


def _hubspot(env: Mapping[str, str], problems: list[str]) -> HubSpotCredentials | None:
    url = _url(env, "HUBSPOT_API_URL", problems, "https://api.hubapi.com")
    if token := env.get("HUBSPOT_ACCESS_TOKEN", "").strip():
        secret = env.get("HUBSPOT_CLIENT_SECRET", "").strip()
        version = env.get("HUBSPOT_API_VERSION", "").strip() or HUBSPOT_API_VERSION
        if not _DATED.fullmatch(version):
            problems.append(
                f"HUBSPOT_API_VERSION: {version[:20]!r} is no dated version of HubSpot's API, such "
                f"as {HUBSPOT_API_VERSION} (those with numbers, v1 to v4, end in 2027)"
            )
        return HubSpotCredentials(
            access_token=token, api_url=url, api_version=version, client_secret=secret
        )
    if env.get("HUBSPOT_API_URL"):
        problems.append("HUBSPOT_ACCESS_TOKEN: missing; HUBSPOT_API_URL alone connects nothing")
    return None


def _given(env: Mapping[str, str], *names: str) -> dict[str, str]:
    """Variables that hold something, stripped: a key copied with its line end must not fail."""
    found = {name: env.get(name, "").strip() for name in names}
    return {name: value for name, value in found.items() if value}


def _missing(given: Mapping[str, str], problems: list[str], *names: str, why: str) -> bool:
    lacking = [name for name in names if name not in given]
    problems.extend(f"{name}: missing; {why}" for name in lacking)
    return bool(lacking)


def _twilio(env: Mapping[str, str], problems: list[str]) -> TwilioCredentials | None:
    names = ("TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN", "TWILIO_API_KEY", "TWILIO_API_SECRET")
    given = _given(env, *names)
    url = _url(env, "TWILIO_LOOKUP_URL", problems, "https://lookups.twilio.com")
    by_key = "TWILIO_API_KEY" in given or "TWILIO_API_SECRET" in given
    alone = ("TWILIO_LOOKUP_URL", "TWILIO_WEBHOOK_SHARED_KEY")
    if not given and not any(env.get(name) for name in alone):
        return None
    pair = names[2:] if by_key else names[:2]
    if _missing(given, problems, *pair, why="Twilio's login is a pair of both"):
        return None
    given |= _given(env, "TWILIO_WEBHOOK_SHARED_KEY")
    return TwilioCredentials(
        **{name.removeprefix("TWILIO_").lower(): value for name, value in given.items()}, url=url
    )


def _keyed(
    env: Mapping[str, str], problems: list[str], name: str, key: str, default: str
) -> tuple[str, str] | None:
    """A provider that is connected by one key: the key, and its address."""
    given = _given(env, key, f"{name}_URL")
    url = _url(env, f"{name}_URL", problems, default)
    if not given or _missing(given, problems, key, why="its URL alone connects nothing"):
        return None
    return given[key], url


def _numverify(env: Mapping[str, str], problems: list[str]) -> NumVerifyCredentials | None:
    default = "https://apilayer.net/api"
    found = _keyed(env, problems, "NUMVERIFY", "NUMVERIFY_ACCESS_KEY", default)
    return NumVerifyCredentials(access_key=found[0], url=found[1]) if found else None


def _clearoutphone(env: Mapping[str, str], problems: list[str]) -> ClearoutPhoneCredentials | None:
    default = "https://api.clearoutphone.io/v1"
    found = _keyed(env, problems, "CLEAROUTPHONE", "CLEAROUTPHONE_API_TOKEN", default)
    return ClearoutPhoneCredentials(api_token=found[0], url=found[1]) if found else None


def _rnd(env: Mapping[str, str], problems: list[str]) -> RndCredentials | None:
    given = _given(env, "RND_REFRESH_TOKEN", "RND_COMPANY_ID", "RND_URL")
    url = _url(env, "RND_URL", problems, "https://api.reassigned.us")
    why = "the Reassigned Numbers Database needs token and company"
    if not given or _missing(given, problems, "RND_REFRESH_TOKEN", "RND_COMPANY_ID", why=why):
        return None
    return RndCredentials(
        refresh_token=given["RND_REFRESH_TOKEN"], company_id=given["RND_COMPANY_ID"], url=url
    )


def _oidc(env: Mapping[str, str], problems: list[str]) -> OidcCredentials | None:
    given = _given(env, "OIDC_ISSUER", "OIDC_CLIENT_ID", "OIDC_CLIENT_SECRET")
    issuer = _url(env, "OIDC_ISSUER", problems)
    why = "login by OpenID Connect needs all three"
    names = ("OIDC_ISSUER", "OIDC_CLIENT_ID", "OIDC_CLIENT_SECRET")
    if not given or _missing(given, problems, *names, why=why):
        return None
    return OidcCredentials(
        issuer=issuer, client_id=given["OIDC_CLIENT_ID"], client_secret=given["OIDC_CLIENT_SECRET"]
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


def _webhook(env: Mapping[str, str], problems: list[str]) -> str:
    """Such addresses carry their secret in path and query."""
    text = env.get("ALERT_WEBHOOK_URL", "").strip()
    _url({"ALERT_WEBHOOK_URL": text.partition("?")[0]}, "ALERT_WEBHOOK_URL", problems)
    return text
