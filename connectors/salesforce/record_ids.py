"""Tell whether a text is the id of a record, and of which object it is."""

from __future__ import annotations

import re

# By the first three characters, which an org cannot change for these objects.
PREFIXES = {"003": "Contact", "00Q": "Lead", "001": "Account"}
# Of other standard objects. Those of custom objects differ from org to org: a describe tells them.
# Source: Salesforce Help, "Standard Field Record ID Prefix Decoder".
OTHER_PREFIXES = {"500": "Case", "006": "Opportunity", "800": "Contract", "801": "Order"}

_ID = re.compile(r"[a-zA-Z0-9]{15}(?:[a-zA-Z0-9]{3})?")


def is_record_id(text: str) -> bool:
    """Return whether a text has the form of a record's id: 15 or 18 letters and digits.

    >>> is_record_id("00130000000ABCd"), is_record_id("00130000000ABCdAAO"), is_record_id("0013")
    (True, True, False)
    """
    return _ID.fullmatch(text) is not None
