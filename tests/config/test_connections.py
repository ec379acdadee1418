"""Several connections of a kind: their names, whose variables are whose, and what is on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from config import connections, plugins, toml_file
from config.connectors import ConnectorSettings, FieldNames, ObjectMap
from config.effective import describe
from config.hints import hint
from config.redaction import redact_secrets
from config.section import from_environment
from config.settings import Settings, SettingsError, load
from worker.ops.doctor_checks import check_settings

Read = Callable[..., Settings]
ORG = {"SALESFORCE_EMEA_INSTANCE_URL": "https://emea.my.salesforce.com",
       "SALESFORCE_EMEA_ACCESS_TOKEN": "emea-session"}  # fmt: skip
PORTAL = {"HUBSPOT_EMEA_ACCESS_TOKEN": "emea-token", "HUBSPOT_EMEA_CLIENT_SECRET": "emea-secret"}
NO_OBJECTS: dict[str, ObjectMap] = {}
BOTH = """
[connectors.salesforce-emea]
kind = "salesforce"
[connectors.hubspot-emea]
kind = "hubspot"
"""


@pytest.fixture
def read(tmp_path: Path) -> Read:
    def reading(toml: str = BOTH, **env: str) -> Settings:
        path = tmp_path / "hygiene.toml"
        path.write_text(toml, encoding="utf-8")
        return load({"HYGIENE_HOME": str(tmp_path), **env}, path)

    return reading


def problems_of(read: Read, toml: str = BOTH, **env: str) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as caught:
        read(toml, **env)
    assert caught.value.exit_code == 2
    return tuple(line.partition("hygiene.toml: ")[2] or line for line in caught.value.problems)


def table(*names: str) -> str:
    return "".join(f'[connectors.{n}]\nkind = "{n.partition("-")[0]}"\n' for n in names)


class TestADeclaredConnection:
    def test_is_on_with_its_own_credentials_and_settings(self, read: Read) -> None:
        toml = (
            '[connectors.salesforce-emea]\nkind = "salesforce"\ndefault_country = "DE"\n'
            '[connectors.salesforce-emea.objects.Contact]\nphones = ["Phone"]\n'
            '[connectors.hubspot-emea]\nkind = "hubspot"\napi_reserve = 0.5\n'
        )
        settings = read(toml, **ORG, **PORTAL)
        assert settings.active_connectors == ("salesforce-emea", "hubspot-emea")
        assert settings.section("salesforce-emea").default_country == "DE"
        mapping = settings.section("salesforce-emea").objects["Contact"]
        assert (mapping.phones, mapping.email) == (("Phone",), "Email")
        assert settings.section("hubspot-emea").api_reserve == 0.5
        assert settings.section("hubspot").api_reserve == 0.2
        org = settings.credentials_of("salesforce-emea")
        assert (org.instance_url, org.access_token) == tuple(ORG.values())
        assert settings.hubspot_of("hubspot-emea").client_secret == "emea-secret"
        assert settings.salesforce is None
        assert settings.hubspot is None

    def test_without_credentials_is_off(self, read: Read) -> None:
        assert read(**PORTAL).active_connectors == ("hubspot-emea",)

    def test_may_be_a_list_on_disk(self, read: Read) -> None:
        settings = read('[connectors.csv-fair]\nkind = "csv"\npath = "fair.csv"\n')
        assert settings.active_connectors == ("csv-fair",)
        assert connections.is_file("csv-fair")

    def test_reads_secrets_from_files_and_hides_them(self, read: Read, tmp_path: Path) -> None:
        (tmp_path / "token").write_text("token-in-a-file\n", encoding="utf-8")
        settings = read(HUBSPOT_EMEA_ACCESS_TOKEN_FILE=str(tmp_path / "token"))
        assert settings.hubspot_of("hubspot-emea").access_token == "token-in-a-file"
        assert "token-in-a-file" not in redact_secrets("it is token-in-a-file")
        assert "token-in-a-file" not in repr(settings)
        shown = {setting.name: setting.value for setting in describe(settings)}
        assert shown["HUBSPOT_EMEA_ACCESS_TOKEN"] == "•••••• (set)"
        assert shown["connectors.hubspot-emea.kind"] == "hubspot"
        assert hint("HUBSPOT_EMEA_ACCESS_TOKEN") == hint("HUBSPOT_ACCESS_TOKEN") != ""
        assert hint("connectors.hubspot-emea.search_lag") != ""

    def test_names_its_own_variables_where_they_are_wrong(self, read: Read) -> None:
        assert problems_of(read, SALESFORCE_EMEA_ACCESS_TOKEN="t") == (
            "SALESFORCE_EMEA_INSTANCE_URL: missing; it goes with the other one",
        )
        (line,) = problems_of(read, HUBSPOT_EMEA_API_URL="https://api.hubapi.com")
        assert line.startswith("HUBSPOT_EMEA_ACCESS_TOKEN: missing; HUBSPOT_EMEA_API_URL alone")

    def test_may_not_go_to_the_account_of_another(self, read: Read) -> None:
        (line,) = problems_of(read, **PORTAL, HUBSPOT_ACCESS_TOKEN="emea-token")
        assert line.startswith("HUBSPOT_EMEA_ACCESS_TOKEN: hubspot-emea and hubspot go to the same")
        same = {"SALESFORCE_INSTANCE_URL": ORG["SALESFORCE_EMEA_INSTANCE_URL"],
                "SALESFORCE_ACCESS_TOKEN": "another"}  # fmt: skip
        (line,) = problems_of(read, **ORG, **same)
        assert "go to the same account" in line


class TestNames:
    @pytest.mark.parametrize("kind", ["salesforce", "hubspot"])
    def test_that_begin_a_variable_of_today_are_refused(self, read: Read, kind: str) -> None:
        """By the list of variables: whatever is added to it is refused as well."""
        suffixes = set()
        for variable in connections.variables(kind):
            words = variable.lower().split("_")[1:]
            suffixes |= {"-".join(words[: n + 1]) for n in range(len(words))}
        assert {"client", "api", "access", "access-token"} <= suffixes
        for suffix in suffixes:
            (line,) = problems_of(read, table(f"{kind}-{suffix}"))
            assert line.startswith(f"connectors.{kind}-{suffix}: this name cannot be used, since")

    def test_of_two_connections_may_not_collide(self, read: Read) -> None:
        (line,) = problems_of(read, table("salesforce-a", "salesforce-a-client"))
        assert line == (
            "connectors.salesforce-a-client: this name cannot be used, since "
            "SALESFORCE_A_CLIENT_ID is a variable of salesforce-a; choose another suffix"
        )
        assert read(table("salesforce-a", "salesforce-a-b", "hubspot-a")).active_connectors == ()

    @pytest.mark.parametrize(
        ("toml", "line"),
        [
            ('[connectors.salesforce-EMEA]\nkind = "salesforce"', "no name of a connection; write"),
            ('[connectors.salesforce_emea]\nkind = "salesforce"', "no name of a connection; write"),
            ('[connectors."salesforce-é"]\nkind = "salesforce"', "no name of a connection; write"),
            ("[connectors.salesforce-emea]", 'kind: missing; write kind = "salesforce"'),
            ('[connectors.emea]\nkind = "salesforce"', "name a connection of this kind sales"),
            ('[connectors.acme-emea]\nkind = "acme"', "there is no such kind; available: salesf"),
            ('[connectors.hubspot]\nkind = "salesforce"', "hubspot is already a kind"),
            (f'[connectors.csv-{"a" * 40}]\nkind = "csv"', "longer than 30 characters"),
            ('[segments]\nlists = ["hubspot-apac:VIP"]', "there is no connection hubspot-apac"),
        ],
    )  # fmt: skip
    def test_that_cannot_be_are_refused_in_one_line(self, read: Read, toml: str, line: str) -> None:
        (problem,) = problems_of(read, toml)
        assert line in problem

    def test_of_today_may_say_their_kind(self, read: Read) -> None:
        toml = '[connectors.hubspot]\nkind = "hubspot"\n'
        assert read(toml, HUBSPOT_ACCESS_TOKEN="t").active_connectors == ("hubspot",)


class TestVariablesOfNoConnection:
    def test_connect_nothing_and_doctor_says_so(self, read: Read) -> None:
        env = {**ORG, "HUBSPOT_EMEA_ACCES_TOKEN": "typo"}
        settings = read("", **env)
        assert settings.active_connectors == ()
        told = [c.text for c in check_settings(settings, env) if c.name == "connectors"]
        assert len(told) == 2
        assert "there is no connection salesforce-emea; declare it" in told[0]
        assert "SALESFORCE_EMEA_ACCESS_TOKEN, SALESFORCE_EMEA_INSTANCE_URL" in told[0]
        assert told[1].startswith("HUBSPOT_EMEA_ACCES_TOKEN: nothing reads a variable of this name")
        assert "typo" not in " ".join(told)

    def test_are_none_where_all_is_declared(self, read: Read) -> None:
        env = {**ORG, **PORTAL, "SALESFORCE_LOGIN_URL": "https://acme.my.salesforce.com"}
        assert connections.stray_variables(env, ("salesforce-emea", "hubspot-emea")) == {}


class TestASecretOfAnotherPackage:
    """Declared with `from_environment`, for a connector of an installed package."""

    @pytest.fixture(autouse=True)
    def _acme_is_installed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        class AcmeSettings(ConnectorSettings):
            objects: dict[str, ObjectMap] = NO_OBJECTS
            fields: FieldNames = FieldNames()
            token: str = from_environment("ACME_TOKEN")
            second: str = from_environment("ACME_SECOND", optional=True)

        acme = SimpleNamespace(settings_type=AcmeSettings)
        for module in (plugins, toml_file):
            monkeypatch.setattr(module, "installed_connectors", lambda: {"acme": None})
            monkeypatch.setattr(module, "load_connector", lambda _name: acme)

    def test_that_is_optional_may_be_missing(self, read: Read) -> None:
        section = read("[connectors.acme]", ACME_TOKEN="a").section("acme")
        assert (section.token, section.second) == ("a", "")  # type: ignore[attr-defined]

    def test_is_taken_and_hidden_where_it_is_set(self, read: Read) -> None:
        section = read("[connectors.acme]", ACME_TOKEN="a", ACME_SECOND="hush").section("acme")
        assert section.second == "hush"  # type: ignore[attr-defined]
        assert "hush" not in repr(section)

    def test_that_is_needed_is_asked_for(self, read: Read) -> None:
        lines = problems_of(read, "[connectors.acme]", ACME_SECOND="b")
        assert lines[0] == "ACME_TOKEN: missing; connectors.acme needs it"
