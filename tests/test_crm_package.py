"""What is deployed to a Salesforce org names the fields that `crm setup` makes, and no others."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from config.settings import SalesforceSettings
from connectors.fields import configured

ROOT = Path(__file__).parent.parent / "crm" / "salesforce"
FILES = sorted(ROOT.rglob("*.xml"))
STANDARD = {"FULL_NAME"}


def made() -> dict[str, set[str]]:
    settings = SalesforceSettings()
    return {
        name: set(configured(name, mapping, settings.fields).names.values())
        for name, mapping in settings.objects.items()
    }


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_names_fields_that_are_there(path: Path) -> None:
    tree = ET.parse(path)
    fields = made()
    objects = re.findall(r"\b(Contact|Lead)\b", str(path.relative_to(ROOT)))
    found = 0
    for element in tree.iter():
        tag = element.tag.rpartition("}")[2]
        text = element.text or ""
        if tag not in ("field", "columns") or text in STANDARD:
            continue
        found += 1
        name = text.partition(".")[2] or text
        for object_name in [text.partition(".")[0]] if "." in text else objects:
            assert name in fields[object_name], f"{object_name} has no {name}"
    assert found


def test_there_is_something_for_each_object() -> None:
    assert len(FILES) >= 15
