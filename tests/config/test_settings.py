"""Settings: the defaults in the file are the defaults in the code; every mistake is one line."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import ClassVar

import pytest

from config import effective
from config.logging_setup import redact
from config.settings import DEFAULT_TOML, Settings, SettingsError, load


def from_toml(tmp_path: Path, text: str, **env: str) -> Settings:
    path = tmp_path / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return load({"HYGIENE_CONFIG": str(path), **env})


def problems(tmp_path: Path, text: str = "", **env: str) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as caught:
        from_toml(tmp_path, text, **env)
    return caught.value.problems


class TestDefaults:
    def test_the_commented_file_says_the_defaults_of_the_code(self) -> None:
        without = load({})
        with_file = load({"HYGIENE_CONFIG": str(DEFAULT_TOML)})
        assert with_file.model_dump(exclude={"toml_path"}) == without.model_dump(
            exclude={"toml_path"}
        )

    def test_nothing_is_needed(self) -> None:
        settings = load({})
        assert settings.active_connectors == ()
        assert settings.database_url.startswith("sqlite:///")

    def test_credentials_turn_a_connector_on_and_the_file_turns_it_off(
        self, tmp_path: Path
    ) -> None:
        assert load({"HUBSPOT_ACCESS_TOKEN": "t"}).active_connectors == ("hubspot",)
        off = from_toml(tmp_path, "[connectors.hubspot]\nenabled = false", HUBSPOT_ACCESS_TOKEN="t")
        assert off.active_connectors == ()

    def test_a_table_names_only_what_differs(self, tmp_path: Path) -> None:
        settings = from_toml(
            tmp_path,
            '[connectors.salesforce.fields]\ndo_not_call = "DoNotCall"\nreason = ""\n'
            '[connectors.salesforce.objects.Lead]\nphones = ["Phone"]\n[sync]\nevery = "2h"',
        )
        fields = settings.connectors.salesforce.fields
        assert (fields.do_not_call, fields.reason) == ("DoNotCall", "")
        assert fields.status == "{phone}_Status__c"
        assert settings.connectors.salesforce.objects["Lead"].source == "LeadSource"
        assert settings.sync.every == timedelta(hours=2)


class TestFormerNames:
    FORMER = (
        "[http]\nfirst_wait = 0.25\nlongest_wait = '3m'\n"
        "[verification]\nspread = 0.1\nask_again_after = '2h'\nbreaker_rest = '5s'\n"
        '[[verification.steps]]\nprovider = "twilio"\ndepth = "live"\n'
        "[connectors.hubspot]\nreserve = 0.4\n"
        '[connectors.hubspot.objects.contacts]\nvalue = "worth"\nconsented = "closedate"\n'
    )

    def test_still_work(self, tmp_path: Path) -> None:
        settings = from_toml(tmp_path, self.FORMER)
        verification, http = settings.verification, settings.http
        assert (http.backoff_initial, http.backoff_max) == (0.25, timedelta(minutes=3))
        assert (verification.ttl_jitter, verification.retry_after) == (0.1, timedelta(hours=2))
        assert verification.breaker_cooldown == timedelta(seconds=5)
        assert verification.steps[0].check_level == "live"
        assert settings.connectors.hubspot.api_reserve == 0.4
        mapping = settings.connectors.hubspot.objects["contacts"]
        assert (mapping.contact_value, mapping.consent_date) == ("worth", "closedate")
        assert mapping.phones == ("phone", "mobilephone")

    def test_are_shown_as_settings_of_the_file(self, tmp_path: Path) -> None:
        shown = {
            setting.name: setting
            for setting in effective.describe(from_toml(tmp_path, self.FORMER))
        }
        assert shown["http.backoff_initial"].origin == "file"
        assert shown["connectors.hubspot.objects.contacts.consent_date"].value == "closedate"
        assert shown["connectors.hubspot.objects.contacts.consent_date"].origin == "file"

    def test_are_an_error_beside_the_current_name(self, tmp_path: Path) -> None:
        (line,) = problems(tmp_path, "[http]\nfirst_wait = 1.0\nbackoff_initial = 2.0")
        assert "http.first_wait: the former name of backoff_initial, which is set too" in line


class TestMistakes:
    def test_a_typo_in_a_key_names_the_key_that_was_meant(self, tmp_path: Path) -> None:
        (line,) = problems(tmp_path, "[sync]\nevry = '5m'")
        assert "sync.evry: no such setting; did you mean 'every'?" in line

    @pytest.mark.parametrize(
        ("toml", "says"),
        [
            ("[sync]\nevery = 5", "a whole number and a unit"),
            ("[sync]\npages_in_flight = 0", "sync.pages_in_flight"),
            ("[log]\nlevel = 'loud'", "log.level"),
            ("[segments]\nlists = ['acme:VIPs']", "the connectors are salesforce, hubspot"),
            ("[segments]\nlists = ['csv:VIPs']", "write CONNECTOR:NAME"),
            ("[segments]\nlists = ['hubspot:']", "write CONNECTOR:NAME"),
            ("[sync", "not valid TOML"),
        ],
    )
    def test_a_wrong_value_names_the_setting(self, tmp_path: Path, toml: str, says: str) -> None:
        assert any(says in line for line in problems(tmp_path, toml))

    def test_a_list_of_an_installed_connector_may_be_named(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("config.plugins.installed_connectors", lambda: {"acme": None})
        settings = from_toml(tmp_path, "[segments]\nlists = ['acme:VIPs']")
        assert settings.segments.lists == ("acme:VIPs",)

    @pytest.mark.parametrize(
        ("env", "names"),
        [
            ({"PORT": "http"}, "PORT"),
            ({"DATABASE_URL": "mysql://x"}, "DATABASE_URL"),
            ({"REDIS_URL": "localhost:6379"}, "REDIS_URL"),
            ({"HUBSPOT_API_URL": "https://x.example"}, "HUBSPOT_ACCESS_TOKEN"),
            ({"HUBSPOT_ACCESS_TOKEN": "t", "HUBSPOT_API_URL": "x.example"}, "HUBSPOT_API_URL"),
            (
                {"HUBSPOT_ACCESS_TOKEN": "t", "HUBSPOT_API_URL": "http://example.com"},
                "plain http is for 127.0.0.1 only",
            ),
            ({"SALESFORCE_CLIENT_ID": "x"}, "SALESFORCE_LOGIN_URL"),
            (
                {"SALESFORCE_LOGIN_URL": "https://x.example.com", "SALESFORCE_CLIENT_ID": "x"},
                "SALESFORCE_CLIENT_SECRET",
            ),
            ({"SALESFORCE_ACCESS_TOKEN": "t"}, "SALESFORCE_INSTANCE_URL"),
            (
                {
                    "SALESFORCE_LOGIN_URL": "https://x.example.com",
                    "SALESFORCE_CLIENT_ID": "x",
                    "SALESFORCE_USERNAME": "u",
                    "SALESFORCE_PRIVATE_KEY_FILE": "/nowhere.pem",
                },
                "SALESFORCE_PRIVATE_KEY_FILE",
            ),
        ],
    )
    def test_a_wrong_variable_is_named(
        self, tmp_path: Path, env: dict[str, str], names: str
    ) -> None:
        assert any(names in line for line in problems(tmp_path, "", **env))

    @pytest.mark.parametrize(
        ("env", "example"),
        [
            ({"PUBLIC_URL": "x"}, "such as https://example.com"),
            ({"HUBSPOT_ACCESS_TOKEN": "t", "HUBSPOT_API_URL": "x"}, "https://api.hubapi.com"),
            (
                {"SALESFORCE_ACCESS_TOKEN": "t", "SALESFORCE_INSTANCE_URL": "x"},
                "https://example.my.salesforce.com",
            ),
        ],
    )
    def test_an_address_is_shown_by_one_of_its_kind(
        self, tmp_path: Path, env: dict[str, str], example: str
    ) -> None:
        (line,) = [line for line in problems(tmp_path, "", **env) if "full address" in line]
        assert line.endswith(example)

    @pytest.mark.parametrize(
        ("name", "others"),
        [
            ("HUBSPOT_API_URL", {"HUBSPOT_ACCESS_TOKEN": "pat-na1-x"}),
            ("SALESFORCE_INSTANCE_URL", {"SALESFORCE_ACCESS_TOKEN": "x"}),
            (
                "SALESFORCE_LOGIN_URL",
                {"SALESFORCE_CLIENT_ID": "x", "SALESFORCE_CLIENT_SECRET": "y"},
            ),
            ("TWILIO_LOOKUP_URL", {"TWILIO_ACCOUNT_SID": "AC0", "TWILIO_AUTH_TOKEN": "x"}),
            ("PUBLIC_URL", {}),
            ("REDIS_URL", {}),
            ("SMTP_URL", {}),
        ],
    )
    @pytest.mark.parametrize("url", ["https://[", "https://a]b", "//[::1"])
    def test_an_address_whose_brackets_do_not_match_is_named(
        self, name: str, others: dict[str, str], url: str
    ) -> None:
        with pytest.raises(SettingsError, match=f"(?m)^{name}: write"):
            load({name: url, **others})

    def test_all_of_them_are_told_at_once(self, tmp_path: Path) -> None:
        assert len(problems(tmp_path, "[sync]\nevry = '5m'\n[log]\nlevl = 'x'", PORT="x")) == 3

    def test_a_file_that_is_not_there(self) -> None:
        with pytest.raises(SettingsError, match="there is no file"):
            load({"HYGIENE_CONFIG": "/nowhere/hygiene.toml"})

    def test_secrets_do_not_show_in_a_printed_settings_object(self) -> None:
        settings = load({"HUBSPOT_ACCESS_TOKEN": "top-secret", "ADMIN_PASSWORD": "top-secret"})
        assert "top-secret" not in repr(settings)


class TestRedaction:
    @pytest.mark.parametrize(
        "text", ["+14155550123", "(415) 555-0123", "020 7219 4272", "call 415.555.0123 now"]
    )
    def test_a_phone_number_is_masked(self, text: str) -> None:
        assert "<number .." in redact(text)
        assert not any(run in redact(text) for run in ("555", "415", "7219"))

    def test_a_token_is_masked(self) -> None:
        assert "abc123" not in redact("Authorization: Bearer abc123")

    def test_record_ids_and_times_survive(self) -> None:
        text = "run 20261124-091023-b89e5d wrote 003Hs00004XyZabCDE in 12.5 s"
        assert redact(text) == text


class TestTwilio:
    LOGIN = ("TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN")

    def test_two_shared_keys_stand_while_one_replaces_the_other(self, tmp_path: Path) -> None:
        login = dict.fromkeys(self.LOGIN, "fictional")
        keys = "new-shared-secret, old-shared-secret"
        settings = from_toml(tmp_path, "", **login, TWILIO_WEBHOOK_SHARED_KEY=keys)
        assert settings.twilio is not None
        assert settings.twilio.shared_keys == ("new-shared-secret", "old-shared-secret")
        assert "shared-secret" not in repr(settings)
        assert "old-shared-secret" not in redact("one is:old-shared-secret")

    def test_a_shared_key_comes_from_a_file_too(self, tmp_path: Path) -> None:
        (tmp_path / "key").write_text("kept-in-a-file\n")
        login = dict.fromkeys(self.LOGIN, "fictional")
        file = str(tmp_path / "key")
        settings = from_toml(tmp_path, "", **login, TWILIO_WEBHOOK_SHARED_KEY_FILE=file)
        assert settings.twilio is not None
        assert settings.twilio.shared_keys == ("kept-in-a-file",)

    def test_a_shared_key_alone_connects_nothing(self, tmp_path: Path) -> None:
        messages = problems(tmp_path, TWILIO_WEBHOOK_SHARED_KEY="alone")
        assert messages[0].startswith("TWILIO_ACCOUNT_SID: missing")


class TestVendorsOfWebhooks:
    SECRETS: ClassVar[dict[str, str]] = {
        "VONAGE_SIGNATURE_SECRET": "vonage-secret-value",
        "SINCH_WEBHOOK_SECRET": "sinch-secret-value",
        "SINCH_CALLBACK_PASSWORD": "sinch-password-value",
        "PLIVO_AUTH_TOKEN": "plivo-token-value",
        "JUSTCALL_API_SECRET": "justcall-secret-value",
        "AIRCALL_WEBHOOK_TOKEN": "aircall-token-value",
    }

    def test_hide_their_secrets_everywhere(self) -> None:
        settings = load({**self.SECRETS, "SINCH_CALLBACK_USERNAME": "kim"})
        shown = "".join(setting.value for setting in effective.describe(settings))
        for secret in self.SECRETS.values():
            assert secret not in repr(settings)
            assert secret not in shown
            assert secret not in redact(f"refused: {secret}")

    def test_may_have_them_in_files(self, tmp_path: Path) -> None:
        file = tmp_path / "token"
        file.write_text("plivo-token-in-a-file\n", encoding="utf-8")
        settings = load({"PLIVO_AUTH_TOKEN_FILE": str(file)})
        assert settings.plivo is not None
        assert settings.plivo.auth_token == "plivo-token-in-a-file"

    @pytest.mark.parametrize(
        ("env", "named"),
        [
            ({"TELNYX_PUBLIC_KEY": "not a key"}, "TELNYX_PUBLIC_KEY"),
            ({"TELNYX_PUBLIC_KEY": "c2hvcnQ="}, "TELNYX_PUBLIC_KEY"),
            ({"SINCH_CALLBACK_USERNAME": "kim"}, "SINCH_CALLBACK_PASSWORD"),
            ({"VONAGE_SIGNATURE_METHOD": "sha256"}, "VONAGE_SIGNATURE_SECRET"),
            ({"VONAGE_SIGNATURE_SECRET": "s", "VONAGE_SIGNATURE_METHOD": "rot13"},
             "VONAGE_SIGNATURE_METHOD"),
        ],
    )  # fmt: skip
    def test_are_refused_in_one_clear_line(
        self, tmp_path: Path, env: dict[str, str], named: str
    ) -> None:
        (line,) = problems(tmp_path, **env)
        assert line.startswith(f"{named}: ")
