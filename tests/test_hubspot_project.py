"""What is uploaded to a HubSpot account has the right form, and names what is there.

No account is asked. The form is what HubSpot's documents demand (`crm/hubspot/check`), read by
HubSpot's own parser; the properties are those that `crm setup` makes, the scopes those that our
calls need by HubSpot's own API documents.
"""

from __future__ import annotations

import itertools
import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import pytest
from constants import ROOT
from skips import skip_without

from config.connectors import HubSpotSettings
from config.settings import Settings
from connectors.fields import STATUSES, configured
from sandbox.hubspot.app_calls import AppCalls
from worker.context import Context
from worker.decisions.diff import FLAGS
from worker.sync import hubspot_events, workflow_callbacks
from worker.web.app import make_app
from worker.web.hubspot import step

PROJECT = ROOT / "crm" / "hubspot"
APP = PROJECT / "src" / "app"
CHECK = PROJECT / "check"
DOCS = ROOT / "docs" / "hubspot.md"
PARTS = sorted(APP.rglob("*-hsmeta.json"))
# The calls of the connector, and of the app's own module, by HubSpot's API documents of 2026-09.
CALLS = {
    "contacts.json": [
        ("get", "/crm/objects/2026-09/{objectType}"),
        ("post", "/crm/objects/2026-09/{objectType}/search"),
        ("post", "/crm/objects/2026-09/{objectType}/batch/read"),
        ("post", "/crm/objects/2026-09/{objectType}/batch/update"),
    ],
    "subscriptions.json": [
        ("get", "/communication-preferences/2026-09/definitions"),
        ("get", "/communication-preferences/2026-09/statuses/{subscriberIdString}"),
        ("get", "/communication-preferences/2026-09/statuses/{subscriberIdString}/unsubscribe-all"),
    ],
    "properties.json": [
        ("get", "/crm/properties/2026-09/{objectType}"),
        ("post", "/crm/properties/2026-09/{objectType}/batch/create"),
        ("patch", "/crm/properties/2026-09/{objectType}/{propertyName}"),
        ("post", "/crm/properties/2026-09/{objectType}/groups"),
    ],
    "lists.json": [
        ("post", "/crm/lists/2026-09/search"),
        ("get", "/crm/lists/2026-09/{listId}/memberships"),
        ("post", "/crm/lists/2026-09"),
    ],
    "calls.json": [("post", "/crm/objects/2026-09/{objectType}/search")],
    "associations.json": [
        ("post", "/crm/associations/2026-09/{fromObjectType}/{toObjectType}/batch/read")
    ],
    "accountInfo.json": [("get", "/account-info/2026-09/details")],
}  # fmt: skip


def part(kind: str) -> dict[str, Any]:
    (document,) = [
        document for document in (json.loads(path.read_text("utf-8")) for path in PARTS)
        if document["type"] == kind
    ]  # fmt: skip
    config: dict[str, Any] = document["config"]
    return config


def scopes() -> set[str]:
    return set(part("app")["auth"]["requiredScopes"])


def properties() -> dict[str, str]:
    """What `crm setup` makes: canonical key -> property."""
    settings = HubSpotSettings()
    return dict(configured("contacts", settings.objects["contacts"], settings.fields).names)


def phones() -> tuple[str, ...]:
    return HubSpotSettings().objects["contacts"].phones


def node(script: str, *args: Path) -> subprocess.CompletedProcess[str]:
    if shutil.which("node") is None or not (CHECK / "node_modules").is_dir():
        skip_without("node", "apt-get install npm; npm ci --omit=optional in crm/*/check")
    return subprocess.run(
        ["node", CHECK / script, *args], capture_output=True, text=True, timeout=120, check=False
    )


class Spoilt(Protocol):
    def __call__(self, file: str, right: str, wrong: str, *, into: str = "") -> Path: ...


@pytest.fixture
def spoilt(tmp_path: Path) -> Spoilt:
    """A copy of the project in which a file of the app says something else, or lies elsewhere."""
    numbers = itertools.count()

    def spoil(file: str, right: str, wrong: str, *, into: str = "") -> Path:
        target = tmp_path / f"project{next(numbers)}"
        shutil.copytree(PROJECT, target, ignore=shutil.ignore_patterns("node_modules"))
        path = target / "src" / "app" / file
        before = path.read_text("utf-8")
        assert right in before
        path.write_text(before.replace(right, wrong, 1), "utf-8")
        if into:
            path.rename(target / "src" / "app" / into / path.name)
        return target

    return spoil


class TestTheForm:
    def test_hubspots_own_parser_reads_all_of_it(self, tmp_path: Path) -> None:
        done = node("validate.mjs", PROJECT, tmp_path / "out")
        assert done.returncode == 0, done.stderr
        assert done.stdout.split() == [
            "APPLICATION:phone_hygiene", "CARD:phone_hygiene_card",
            "WEBHOOKS:phone_hygiene_webhooks", "WORKFLOW_ACTION:phone_hygiene_recheck",
        ]  # fmt: skip
        project = (tmp_path / "out" / "project.json").read_text("utf-8")
        assert "https://hygiene.example.com/webhooks/hubspot/recheck" in project
        assert "${" not in project

    def test_what_is_wrong_is_told(self, spoilt: Spoilt, tmp_path: Path) -> None:
        webhooks = "webhooks/phone-hygiene-webhooks-hsmeta.json"
        recheck = "workflow-actions/recheck-hsmeta.json"
        card = "cards/phone-hygiene-card-hsmeta.json"
        projects = [
            spoilt(webhooks, "object.propertyChange", "object.propertyChangd"),
            spoilt(webhooks, '"maxConcurrentRequests": 10', '"maxConcurrentRequests": 5'),
            spoilt(webhooks, "${publicUrl}", "${publicUlr}"),
            spoilt(webhooks, '"type": "webhooks"', '"type": "webhook"'),
            spoilt("app-hsmeta.json", '"type": "static"', '"type": "oauth"'),
            spoilt("app-hsmeta.json", '"requiredScopes"', '"scopes"'),
            spoilt("app-hsmeta.json", '"fetch": ["${publicUrl}"]', '"fetch": ["${publicUrl}/x"]'),
            spoilt(recheck, '"fieldType": "select"', '"fieldType": "dropdown"'),
            spoilt(recheck, '"uid": "phone_hygiene_recheck"', '"uid": "phone hygiene"'),
            spoilt(card, "crm.record.tab", "crm.record.middle"),
            spoilt(card, "", "", into="webhooks"),  # a part in another folder
        ]
        outs = [tmp_path / f"out{place}" for place in range(len(projects))]
        done = node("validate.mjs", *itertools.chain(*zip(projects, outs, strict=True)))
        told = [line.partition(": ")[0] for line in done.stderr.splitlines()]
        assert told == [str(project) for project in projects], done.stderr
        assert done.returncode == 1

    def test_the_card_uses_hubspots_components_as_they_are_published(self) -> None:
        done = node("types.mjs", PROJECT)
        assert (done.returncode, done.stdout.strip()) == (0, f"{PROJECT}: 3 files, 0 problems")

    def test_a_card_that_does_not_is_told(self, spoilt: Spoilt) -> None:
        card = "cards/PhoneHygieneCard.tsx"
        projects = [
            spoilt(card, 'variant="secondary"', 'variant="loud"'),
            spoilt(card, "<Divider />", "<Rule />"),
            spoilt(card, "useCrmProperties(ALL)", "useCrmProperties('phone')"),
            spoilt(card, "actions.addAlert({", "actions.shout({"),
            spoilt(card, "context.crm;", "context.record;"),
        ]
        done = node("types.mjs", *projects)
        told = dict(re.findall(r"^(/\S+): 3 files, (\d+) problems$", done.stdout, re.MULTILINE))
        assert list(told) == [str(project) for project in projects]
        assert "0" not in told.values(), done.stdout
        assert done.returncode == 1

    def test_versions_are_those_that_the_documents_name(self) -> None:
        config = json.loads((PROJECT / "hsproject.json").read_text("utf-8"))
        assert config["platformVersion"] in DOCS.read_text("utf-8")
        ours = json.loads((APP / "cards" / "package.json").read_text("utf-8"))["dependencies"]
        checked = json.loads((CHECK / "package.json").read_text("utf-8"))["devDependencies"]
        assert ours["@hubspot/ui-extensions"] == checked["@hubspot/ui-extensions"]

    def test_no_profile_of_a_real_account_is_shipped(self) -> None:
        assert not list((PROJECT / "src").glob("hsprofile.*.json"))
        example = json.loads((PROJECT / "hsprofile.example.json").read_text("utf-8"))
        used = set(re.findall(r"\$\{(\w+)\}", "".join(p.read_text("utf-8") for p in PARTS)))
        assert set(example["variables"]) == used

    def test_the_lock_file_names_no_registry(self) -> None:
        lock = (CHECK / "package-lock.json").read_text("utf-8")
        assert '"resolved"' not in lock
        assert "registry" not in lock


class TestNames:
    """Each property that a file names is one that we read or that `crm setup` makes."""

    def subscribed(self) -> list[dict[str, Any]]:
        return [
            subscription
            for listed in part("webhooks")["subscriptions"].values()
            for subscription in listed
        ]

    def test_of_webhooks_are_those_that_are_acted_on(
        self, ctx: Context, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        names = [
            subscription["propertyName"]
            for subscription in self.subscribed()
            if "propertyName" in subscription
        ]
        property_names = properties()
        assert sorted(names) == sorted(
            [*phones(), *(property_names[flag] for flag in (*FLAGS, "recheck"))]
        )
        noted: list[str] = []
        note = "worker.store.changed_records.record"
        monkeypatch.setattr(note, lambda *args: noted.extend(args[3]))
        for place, name in enumerate([*names, "firstname"], 1):
            event = {
                "subscriptionType": "object.propertyChange", "objectTypeId": "0-1",
                "objectId": place, "propertyName": name,
            }  # fmt: skip
            hubspot_events.receive(ctx, [event])
        assert noted == [str(place) for place in range(1, len(names) + 1)]

    def test_of_events_include_erasures_and_both_forms_of_a_merge(self) -> None:
        kinds = {
            subscription["subscriptionType"]
            for subscription in self.subscribed()
            if subscription["active"]
        }
        assert kinds >= {
            "contact.privacyDeletion", "object.merge", "contact.merge", "object.creation",
            "object.deletion", "object.restore",
        }  # fmt: skip

    def test_of_the_card_are_those_that_setup_makes(self) -> None:
        source = (APP / "cards" / "properties.ts").read_text("utf-8")
        named = set(re.findall(r"'(hygiene_\w+)'", source))
        named |= {
            template.replace("${phone}", phone)
            for template in re.findall(r"`(hygiene_\$\{phone\}\w+)`", source)
            for phone in phones()
        }
        property_names = properties()
        assert named <= set(property_names.values())
        keys = {key for key, name in property_names.items() if name in named}
        assert keys >= {"reason", "checked_at", *FLAGS, *(f"status/{phone}" for phone in phones())}
        block = source.partition("PHONES")[2].partition("}")[0]
        assert re.findall(r"(\w+): '", block) == list(phones())
        block = source.partition("FLAGS")[2].partition("};")[0]
        assert re.findall(r"(\w+): \{ property", block) == list(FLAGS)
        for flag in FLAGS:
            assert f"{flag}: {{ property: '{property_names[flag]}'" in source

    def test_of_statuses_are_ours(self) -> None:
        source = (APP / "cards" / "logic.ts").read_text("utf-8")
        block = source.partition("STATUSES: ")[2].partition("};")[0]
        assert set(re.findall(r"(\w+): \{ label", block)) == set(STATUSES)
        assert set(workflow_callbacks.PRECEDENCE) == set(STATUSES)

    def test_of_the_action_are_what_the_worker_takes_and_gives(self) -> None:
        action = part("workflow-action")
        (given,) = action["inputFields"]
        options = [option["value"] for option in given["typeDefinition"]["options"]]
        assert options == [step.ALL_FIELDS, *phones()]
        assert given["typeDefinition"]["name"] in step.InputFields.model_fields
        outputs = {field["typeDefinition"]["name"] for field in action["outputFields"]}
        assert outputs == set(workflow_callbacks.failed("")) - {"hs_execution_state"}
        labels = action["labels"]["en"]
        assert set(labels["outputFieldLabels"]) == outputs
        assert set(labels["inputFieldLabels"]) == {"phone"}

    def test_of_addresses_are_routes_of_ours(self, make_settings: Callable[..., Settings]) -> None:
        paths = make_app(make_settings()).openapi()["paths"]
        base = "${publicUrl}"
        card = (APP / "cards" / "PhoneHygieneCard.tsx").read_text("utf-8")
        called = {
            part("webhooks")["settings"]["targetUrl"], part("workflow-action")["actionUrl"],
            *(f"{base}/webhooks/hubspot/{path}" for path in re.findall(r"ask\('([^']+)'\)", card)),
        }  # fmt: skip
        assert len(called) == 4
        for address in called:
            assert "post" in paths[address.removeprefix(base)]
        assert part("app")["permittedUrls"]["fetch"] == [base]


class TestScopes:
    def test_are_those_of_the_documents(self) -> None:
        text = DOCS.read_text("utf-8")
        table = text.partition("## Scopes")[2].partition("\n## ")[0]
        named = set(re.findall(r"^\| `([\w.-]+)`", table, re.MULTILINE))
        assert named == scopes()

    @pytest.mark.parametrize("document", sorted(CALLS))
    def test_suffice_for_every_call(self, document: str, shared: Callable[[str], Path]) -> None:
        paths = json.loads(shared(f"specs/hubspot/2026-09/{document}").read_bytes())["paths"]
        for method, path in CALLS[document]:
            ways = [set(way.get("private_apps", ())) for way in paths[path][method]["security"]]
            assert any(way and way <= scopes() for way in ways), f"{method} {path}"

    def test_include_that_of_completing_a_step(self) -> None:
        """HubSpot's document Actions V4 of 2026-09: `private_apps: [automation]`."""
        asked: dict[str, str] = {}

        def allowed(scope: str, handler: Any) -> Any:
            asked[handler.__name__] = scope
            return handler

        AppCalls().routes(allowed)
        assert asked == {"complete": "automation"}
        assert set(asked.values()) <= scopes()

    def test_none_is_asked_for_that_nothing_needs(self, shared: Callable[[str], Path]) -> None:
        needed = {"automation"}
        for document, calls in CALLS.items():
            paths = json.loads(shared(f"specs/hubspot/2026-09/{document}").read_bytes())["paths"]
            for method, path in calls:
                for way in paths[path][method]["security"]:
                    needed |= set(way.get("private_apps", ()))
        assert scopes() <= needed


class TestTheTable:
    """docs/hubspot-facts.md says of each interaction what HubSpot does, by which source."""

    def rows(self) -> list[list[str]]:
        lines = (DOCS.parent / "hubspot-facts.md").read_text("utf-8").splitlines()
        cells = [[c.strip() for c in line.strip("|").split(" | ")] for line in lines if "|" in line]
        return [row for row in cells if len(row) == 5 and row[0] not in ("interaction", "---")]

    def test_names_a_source_and_a_test_that_is_there(self) -> None:
        paths = (*ROOT.glob("tests/**/*.py"), ROOT / "connectors" / "conformance.py")
        tests = "".join(path.read_text("utf-8") for path in paths)
        rows = self.rows()
        assert len(rows) >= 20
        for _interaction, _what, source, sure, test in rows:
            assert len(source) > 8
            assert sure in ("documented", "reported", "not confirmed", "recorded")
            named = re.findall(r"`(test_\w+)`", test)
            assert named or test.startswith("none: ")
            for name in named:
                assert f"def {name}(" in tests, f"there is no test {name}"

    def test_begins_with_what_is_not_confirmed(self) -> None:
        order = [row[3] == "not confirmed" for row in self.rows()]
        assert order == sorted(order, reverse=True)
