"""What is deployed to a Salesforce org has the right form, and names what is there.

No org is asked. The form is what the Metadata API Developer Guide demands and Salesforce's own
library can convert; the fields are those that `crm setup` makes.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import xml.etree.ElementTree as ET
from collections import Counter
from pathlib import Path

import pytest
from skips import skip_without

from config.connectors import ObjectMap, SalesforceSettings
from connectors.fields import configured
from connectors.salesforce import email_consents, email_opt_outs, privacy_access

ROOT = Path(__file__).parent.parent / "crm" / "salesforce"
PROJECT = json.loads((ROOT / "sfdx-project.json").read_text("utf-8"))
FOLDERS = [entry["path"] for entry in PROJECT["packageDirectories"]]
SOURCES = sorted(p for name in FOLDERS for p in (ROOT / name).rglob("*-meta.xml"))
SECTIONS = sorted((ROOT / "layout-sections").glob("*.xml"))
NAMESPACE = "http://soap.sforce.com/2006/04/metadata"
OBJECTS = ("Account", "Contact", "Lead")
# As config/hygiene.toml shows it: an org without person accounts has none of it.
ACCOUNT = ObjectMap(phones=("Phone", "PersonMobilePhone"))

# Standard fields that are named beside ours, by what they are called where. Object Reference for
# the Salesforce Platform: Account, Contact, Lead; an address is one field for field permissions.
STANDARD = {
    "Contact": {
        "Phone", "MobilePhone", "HomePhone", "OtherPhone", "Email", "LeadSource", "MailingAddress",
        "OtherAddress", "FirstName", "LastName", "CreatedDate", "Id", "HasOptedOutOfEmail",
        "IndividualId",
    },
    "Lead": {
        "Phone", "MobilePhone", "Email", "LeadSource", "Website", "Address", "FirstName",
        "LastName", "CreatedDate", "Id", "HasOptedOutOfEmail", "IndividualId",
    },
    **{name: set(columns) for name, columns in email_consents.COLUMNS.items()},
    "Account": {
        "Phone", "PersonMobilePhone", "PersonHomePhone", "PersonOtherPhone", "PersonLeadSource",
        "IsPersonAccount", "Name", "CreatedDate", "Id",
    },
}  # fmt: skip
LIST_COLUMNS = {"FULL_NAME", "ACCOUNT.NAME"}  # list views name standard columns their own way


@pytest.mark.parametrize(
    "path", [p for p in SOURCES if p.name.endswith(".quickAction-meta.xml")], ids=lambda p: p.name
)
def test_an_action_is_for_the_object_that_its_name_says(path: Path) -> None:
    target = ET.parse(path).getroot().findtext(f"{{{NAMESPACE}}}targetObject")
    assert target == path.name.partition(".")[0]


def mappings() -> dict[str, ObjectMap]:
    return {**SalesforceSettings().objects, "Account": ACCOUNT}


def created_fields() -> dict[str, set[str]]:
    """The fields that `crm setup` makes, by object."""
    settings = SalesforceSettings()
    return {
        name: set(configured(name, mapping, settings.fields).names.values())
        for name, mapping in mappings().items()
    }


def root_of(path: Path) -> ET.Element:
    return ET.fromstring(path.read_bytes())


def local(element: ET.Element) -> str:
    return element.tag.rpartition("}")[2]


def child_text(element: ET.Element, name: str) -> str:
    return element.findtext(f"{{{NAMESPACE}}}{name}") or ""


def all_named(element: ET.Element, name: str) -> list[ET.Element]:
    return element.findall(f".//{{{NAMESPACE}}}{name}")


def sources(ending: str) -> list[Path]:
    return [path for path in SOURCES if path.name.endswith(f".{ending}-meta.xml")]


def object_of(path: Path) -> str:
    """The object that a file is about, by its folder or its name."""
    if "objects" in path.parts:
        return path.parts[path.parts.index("objects") + 1]
    (name,) = re.findall(r"(?:^|_)(Account|Contact|Lead)s?(?=\.)", path.name)
    return str(name)


def ids(paths: list[Path]) -> list[str]:
    return [str(path.relative_to(ROOT)) for path in paths]


@pytest.mark.parametrize("path", SOURCES, ids=ids(SOURCES))
class TestTheForm:
    def test_is_well_formed_metadata_of_the_kind_its_name_says(self, path: Path) -> None:
        root = root_of(path)
        kinds = {
            "listView": "ListView", "fieldSet": "FieldSet", "permissionset": "PermissionSet",
            "quickAction": "QuickAction", "customPermission": "CustomPermission", "flow": "Flow",
            "reportType": "ReportType", "report": "Report", "reportFolder": "ReportFolder",
            "flexipage": "FlexiPage", "namedCredential": "NamedCredential",
            "externalCredential": "ExternalCredential", "cls": "ApexClass",
            "labels": "CustomLabels", "js": "LightningComponentBundle",
        }  # fmt: skip
        kind = path.name.removesuffix("-meta.xml").rpartition(".")[2]
        assert root.tag == f"{{{NAMESPACE}}}{kinds[kind]}"
        full_name = child_text(root, "fullName")
        assert full_name in ("", path.name.removesuffix(f".{kind}-meta.xml"))

    def test_elements_of_a_kind_stand_together(self, path: Path) -> None:
        """The Metadata API refuses a list that is taken up again ("Element ... is duplicated at
        this location"): its types are sequences."""
        for element in root_of(path).iter():
            tags = [local(child) for child in element]
            runs = [tag for place, tag in enumerate(tags) if place == 0 or tags[place - 1] != tag]
            assert not [tag for tag, count in Counter(runs).items() if count > 1]

    def test_labels_are_short_enough(self, path: Path) -> None:
        root = root_of(path)
        for name, most in (("label", 80), ("description", 255), ("name", 40)):
            if local(root) == "Flow":
                most = 255
            assert len(child_text(root, name)) <= most
        if local(root) in ("ListView", "ReportType"):
            assert len(child_text(root, "label")) <= 40

    def test_versions_are_those_of_the_project(self, path: Path) -> None:
        assert child_text(root_of(path), "apiVersion") in ("", PROJECT["sourceApiVersion"])


class TestFieldsThatAreNamed:
    """Each in every file is one that `crm setup` makes, or a standard field."""

    @pytest.mark.parametrize("path", SECTIONS + sources("fieldSet") + sources("quickAction"))
    def test_in_sections_field_sets_and_actions(self, path: Path) -> None:
        text = path.read_text("utf-8")
        fields = re.findall(r"<field>([^<]+)</field>", text)
        assert fields
        assert set(fields) <= created_fields()[object_of(path)]

    @pytest.mark.parametrize("path", sources("listView"), ids=ids(sources("listView")))
    def test_in_list_views(self, path: Path) -> None:
        root, fields = root_of(path), created_fields()[object_of(path)]
        columns = {column.text or "" for column in all_named(root, "columns")}
        filtered = [child_text(node, "field") for node in all_named(root, "filters")]
        assert {*columns, *filtered} - LIST_COLUMNS <= fields
        logic = child_text(root, "booleanFilter")
        numbers = [int(number) for number in re.findall(r"\d+", logic)]
        assert numbers == (list(range(1, len(filtered) + 1)) if len(filtered) > 1 else [])

    @pytest.mark.parametrize("path", sources("permissionset"), ids=ids(sources("permissionset")))
    def test_in_permission_sets(self, path: Path) -> None:
        fields = [
            child_text(node, "field") for node in all_named(root_of(path), "fieldPermissions")
        ]
        assert not [field for field, count in Counter(fields).items() if count > 1]
        for field in fields:
            object_name, _, name = field.partition(".")
            created = created_fields().get(object_name, set())
            assert name in created | STANDARD[object_name], field

    @pytest.mark.parametrize("path", sources("reportType"), ids=ids(sources("reportType")))
    def test_in_report_types(self, path: Path) -> None:
        root = root_of(path)
        base = child_text(root, "baseObject")
        columns = [
            (child_text(column, "table"), child_text(column, "field"))
            for column in all_named(root, "columns")
        ]
        assert len(columns) == len(set(columns))
        assert {table for table, _ in columns} == {base}
        assert {field for _, field in columns} <= created_fields()[base] | STANDARD[base]
        assert created_fields()[base] <= {field for _, field in columns}

    @pytest.mark.parametrize("path", sources("report"), ids=ids(sources("report")))
    def test_in_reports(self, path: Path) -> None:
        """A report names columns of its report type as OBJECT$FIELD, and one that it groups by
        must not stand among its columns."""
        root = root_of(path)
        (report_type,) = [
            source for source in sources("reportType")
            if source.name.partition(".")[0] + "__c" == child_text(root, "reportType")
        ]  # fmt: skip
        offered = {
            f"{child_text(column, 'table')}${child_text(column, 'field')}"
            for column in all_named(root_of(report_type), "columns")
        }
        shown = {child_text(column, "field") for column in root.findall(f"{{{NAMESPACE}}}columns")}
        grouped = {
            child_text(node, "field")
            for kind in ("groupingsDown", "groupingsAcross")
            for node in all_named(root, kind)
        }
        filtered = {child_text(node, "column") for node in all_named(root, "criteriaItems")}
        assert shown | grouped | filtered <= offered
        assert not shown & grouped
        assert any(field.endswith("Source") for field in grouped)
        assert any(field.endswith("$Phone_Status__c") for field in grouped)
        folder = path.parent.parent / f"{path.parent.name}.reportFolder-meta.xml"
        assert folder.is_file()

    def test_in_the_component(self) -> None:
        component = ROOT / "force-app/main/default/lwc/phoneHygiene"
        text = (component / "fields.js").read_text("utf-8")
        phones = dict(re.findall(r"(Account|Contact|Lead): \[([^]]*)\]", text))
        everywhere = set(re.findall(r"'(\w+__c)'", text))
        templates = set(re.findall(r"`\$\{phone\}(\w+__c)`", text))
        assert templates == {"_Status__c", "_Line_Type__c"}
        assert len(everywhere) == 10
        for name in OBJECTS:
            assert everywhere <= created_fields()[name]
            listed = tuple(re.findall(r"'(\w+)'", phones[name]))
            assert set(listed) <= STANDARD[name]
            read = mappings()[name].phones
            assert listed[: len(read)] == read  # a person account may have more

    @pytest.mark.parametrize("path", sources("flow"), ids=ids(sources("flow")))
    def test_in_flows(self, path: Path) -> None:
        object_name = object_of(path)
        formula = child_text(root_of(path).find(f"{{{NAMESPACE}}}start"), "filterFormula")  # type: ignore[arg-type]
        used = set(re.findall(r"\{!\$Record\.(\w+)\}", formula))
        ours = created_fields()[object_name]
        flags = {name for name in ours if "Do_Not" in name or name == "Wrong_Number__c"}
        phones = set(mappings()[object_name].phones)
        person = {"IsPersonAccount"} if object_name == "Account" else set()
        assert used == flags | phones | person | {"Recheck_Phone__c"}
        assert len(flags) == 4


def test_the_list_of_bad_numbers_covers_every_phone() -> None:
    for path in sources("listView"):
        if path.name.startswith("Phone_Invalid"):
            filtered = {child_text(node, "field") for node in all_named(root_of(path), "filters")}
            phones = mappings()[object_of(path)].phones
            assert filtered == {f"{phone}_Status__c" for phone in phones}


class TestTheReCheckFlows:
    @pytest.mark.parametrize("path", sources("flow"), ids=ids(sources("flow")))
    def test_run_after_the_save_and_leave_our_own_changes_alone(self, path: Path) -> None:
        root = root_of(path)
        start = root.find(f"{{{NAMESPACE}}}start")
        assert start is not None
        assert child_text(start, "object") == object_of(path)
        assert child_text(start, "triggerType") == "RecordAfterSave"
        assert child_text(start, "recordTriggerType") == "Update"
        (asynchronous,) = all_named(start, "scheduledPaths")
        assert child_text(asynchronous, "pathType") == "AsyncAfterCommit"
        # Nothing but these two may accompany that type of path.
        assert {local(child) for child in asynchronous} == {"connector", "pathType"}
        assert start.find(f"{{{NAMESPACE}}}connector") is None  # no path that holds up the save
        (action,) = all_named(root, "actionCalls")
        assert child_text(all_named(asynchronous, "connector")[0], "targetReference") == child_text(
            action, "name"
        )
        formula = child_text(start, "filterFormula")
        permission = re.findall(r"NOT\(\{!\$Permission\.(\w+)\}\)", formula)
        assert len(permission) == 1
        assert formula.count("(") == formula.count(")")
        assert permission[0] in {
            source.name.partition(".")[0] for source in sources("customPermission")
        }
        assert (
            child_text(root, "status") == "Draft"
        )  # an admin turns it on, with the token in place

    def test_call_a_class_that_is_there_with_a_parameter_that_it_has(self) -> None:
        for path in sources("flow"):
            (action,) = all_named(root_of(path), "actionCalls")
            (source,) = ROOT.glob(f"*/**/{child_text(action, 'actionName')}.cls")
            code = source.read_text("utf-8")
            assert "@InvocableMethod(" in code
            for parameter in all_named(action, "inputParameters"):
                assert f"public Id {child_text(parameter, 'name')};" in code

    def test_the_call_fits_the_credential_and_holds_no_secret(self) -> None:
        (code,) = (path.read_text("utf-8") for path in ROOT.glob("*/**/PhoneHygieneRecheck.cls"))
        (credential,) = sources("namedCredential")
        (external,) = sources("externalCredential")
        name = credential.name.partition(".")[0]
        assert f"callout:{name}/api/rescans" in code
        root = root_of(external)
        header = [
            node for node in all_named(root, "externalCredentialParameters")
            if child_text(node, "parameterType") == "AuthHeader"
        ]  # fmt: skip
        value = child_text(header[0], "parameterValue")
        assert value == "{!'Bearer ' & $Credential." + name + ".Token}"
        (principal,) = [
            child_text(node, "parameterName")
            for node in all_named(root, "externalCredentialParameters")
            if child_text(node, "parameterType") == "NamedPrincipal"
        ]
        granted = [
            child_text(node, "externalCredentialPrincipal")
            for path in sources("permissionset")
            for node in all_named(root_of(path), "externalCredentialPrincipalAccesses")
        ]
        assert granted == [f"{external.name.partition('.')[0]}-{principal}"]
        everything = "".join(
            path.read_text("utf-8") for path in ROOT.rglob("*")
            if path.is_file() and "node_modules" not in path.parts
        )  # fmt: skip
        assert "hyg_" not in everything


class TestRights:
    def test_the_integration_user_writes_ours_and_reads_the_rest(self) -> None:
        for path in sources("permissionset"):
            if "Integration" not in path.name:
                continue
            for node in all_named(root_of(path), "fieldPermissions"):
                field = child_text(node, "field").partition(".")[2]
                assert child_text(node, "editable") == str(field.endswith("__c")).lower()
            for node in all_named(root_of(path), "objectPermissions"):
                for denied in ("allowCreate", "allowDelete", "modifyAllRecords"):
                    assert child_text(node, denied) == "false"

    def test_the_integration_user_has_every_field_that_a_sync_reads_and_writes(self) -> None:
        rights = {
            child_text(node, "field"): child_text(node, "editable") == "true"
            for path in sources("permissionset")
            if "Integration" in path.name
            for node in all_named(root_of(path), "fieldPermissions")
        }
        settings = SalesforceSettings()
        for name, mapping in mappings().items():
            wanted = configured(name, mapping, settings.fields)
            for field in wanted.names.values():
                assert rights[f"{name}.{field}"]
            for field in (*wanted.phones, *wanted.beside):
                if field.startswith("Person") or field == "CreatedDate":
                    continue  # follows the contact's field; is always readable
                address = re.sub(r"(Country|State)$", "Address", field)
                assert not rights[f"{name}.{address}"]
        for name in ("Contact", "Lead"):  # an account's follows the contact's
            assert rights[f"{name}.{email_opt_outs.OWN[name]}"] is False

    def test_the_integration_user_sees_all_privacy_records_that_the_set_up_grants(self) -> None:
        [path] = [source for source in sources("permissionset") if "Privacy" in source.name]
        root = root_of(path)
        fields = [child_text(node, "field") for node in all_named(root, "fieldPermissions")]
        assert sorted(privacy_access.field_permissions(("Contact", "Lead"))) == fields
        objects = {
            child_text(node, "object"): child_text(node, "viewAllRecords")
            for node in all_named(root, "objectPermissions")
        }
        assert objects == dict.fromkeys(email_consents.COLUMNS, "true")

    def test_nothing_of_privacy_records_is_outside_their_folder(self) -> None:
        for path in SOURCES:
            if not path.is_relative_to(ROOT / "privacy-records"):
                assert "Individual" not in path.read_text("utf-8")

    def test_a_set_of_ours_is_not_that_of_crm_setup(self) -> None:
        from connectors.salesforce.setup import PERMISSION_SET

        assert PERMISSION_SET not in {
            source.name.partition(".")[0] for source in sources("permissionset")
        }

    def test_no_set_names_a_licence(self) -> None:
        """One that names Salesforce API Integration offers no rights on standard objects, and one
        that names Salesforce cannot be given to an integration user."""
        for path in sources("permissionset"):
            assert child_text(root_of(path), "license") == ""

    def test_classes_that_sets_name_are_there(self) -> None:
        classes = {path.name.removesuffix(".cls-meta.xml") for path in sources("cls")}
        for path in sources("permissionset"):
            for node in all_named(root_of(path), "classAccesses"):
                assert child_text(node, "apexClass") in classes


class TestFolders:
    def test_nothing_of_person_accounts_is_outside_its_folder(self) -> None:
        for path in SOURCES:
            if path.is_relative_to(ROOT / "person-accounts") or path.suffixes[-2:] == [".js-meta"]:
                continue
            text = path.read_text("utf-8")
            assert "IsPersonAccount" not in text
            assert "Account." not in text.replace("UserExternalCredential", "")

    def test_sample_pages_are_not_among_what_is_deployed(self) -> None:
        (default,) = [entry for entry in PROJECT["packageDirectories"] if entry.get("default")]
        assert default["path"] == "force-app"
        assert {path.relative_to(ROOT).parts[0] for path in sources("flexipage")} == {"samples"}

    def test_sample_pages_show_the_component(self) -> None:
        for path in sources("flexipage"):
            root = root_of(path)
            components = {node.text for node in all_named(root, "componentName")}
            assert "phoneHygiene" in components
            assert child_text(root, "sobjectType") == object_of(path)

    def test_every_part_has_its_description_and_every_class_a_test(self) -> None:
        for path in ROOT.glob("*/**/*.cls"):
            if "node_modules" in path.parts:
                continue
            assert path.with_name(f"{path.name}-meta.xml").is_file()
            if not path.stem.endswith("Test"):
                tests = path.with_name(f"{path.stem}Test.cls").read_text("utf-8")
                assert f"{path.stem}." in tests

    def test_names_are_unique(self) -> None:
        names = Counter(
            path.relative_to(path.parents[1]) if "objects" not in path.parts
            else path.relative_to(path.parents[3])
            for path in SOURCES
        )  # fmt: skip
        assert not [name for name, count in names.items() if count > 1]


def test_salesforce_own_library_converts_it(tmp_path: Path) -> None:
    """As `sf project convert source` does. It proves the form alone."""
    check = ROOT / "check"
    if shutil.which("node") is None or not (check / "node_modules").is_dir():
        skip_without("node", "apt-get install npm; npm ci --omit=optional in crm/*/check")
    done = subprocess.run(
        ["node", check / "convert.mjs", ROOT, tmp_path / "out"],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    counts = Counter(line.partition(":")[0] for line in done.stdout.splitlines())
    assert counts["ApexClass"] == 4
    assert counts["LightningComponentBundle"] == 1
    assert counts["Flow"] == 3
    # A component of an object is one in its file; a bundle has one description.
    assert counts.total() == len(SOURCES)
    assert (tmp_path / "out" / "package.xml").is_file()


def test_the_lock_names_no_registry() -> None:
    lock = (ROOT / "check" / "package-lock.json").read_text("utf-8")
    assert '"resolved"' not in lock
    assert lock.count('"integrity"') > 100
