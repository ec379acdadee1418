"""Write to orgs that have duplicate rules.

A duplicate rule that would only warn a person refuses an API call, unless the call says that the
record may be saved anyway. Source: REST API Developer Guide, "Duplicate Rule Header".
"""

from __future__ import annotations

from connectors.records import Update

ALLOW_DUPLICATES = {"Sforce-Duplicate-Rule-Header": "allowSave=true"}


def changes_no_identity(update: Update) -> bool:
    """Whether an update only ticks or unticks checkboxes, which make no two records alike."""
    return all(isinstance(value, bool) for value in update.values.values())
