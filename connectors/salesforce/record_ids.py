"""Tell by a record's id of which object it is."""

from __future__ import annotations

# By the first three characters, which an org cannot change for these objects.
PREFIXES = {"003": "Contact", "00Q": "Lead", "001": "Account"}
