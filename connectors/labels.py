"""What people in a CRM call a phone field, and so the fields that we make for it.

HubSpot's labels are written like sentences ("Mobile phone status"), Salesforce's like titles
("Mobile Phone Status").
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from config.connections import FORMER

# Words of a phone's label that are nobody's name: small inside a sentence.
_COMMON = frozenset(
    "phone telephone phones mobile cell cellphone line number direct dial home work office "
    "business company other main primary secondary alternate alternative backup emergency "
    "assistant private personal contact fax text sms switchboard desk extension".split()
)
_CRMS = {"salesforce": "Salesforce", "hubspot": "HubSpot", "csv": "CSV"}
_NUMBER = re.compile(r"(?<![\s_])[\s_]+(?:numbers?|no\.?|nr\.?|#)$", re.IGNORECASE)


def crm_name(connector: str) -> str:
    """A connector as people call its CRM; one of several of a kind keeps its own name beside it.

    >>> crm_name("hubspot"), crm_name("salesforce-emea"), crm_name("csv"), crm_name("acme")
    ('HubSpot', 'Salesforce (emea)', 'CSV', 'acme')
    >>> crm_name("hubspot@1"), crm_name("salesforce-emea@2")
    ('HubSpot (former account 1)', 'Salesforce (emea, former account 2)')
    """
    connector, _, place = connector.partition(FORMER)
    kind, _, own = connector.partition("-")
    if kind not in _CRMS:
        kind, own = connector, ""
    beside = ", ".join(filter(None, (own, place and f"former account {place}")))
    name = _CRMS.get(kind, kind)
    return f"{name} ({beside})" if beside else name


def words_of(name: str) -> str:
    """A field's API name as words, each with a capital.

    >>> words_of("MobilePhone"), words_of("Direct_Line__c"), words_of("mobilephone")
    ('Mobile Phone', 'Direct Line', 'Mobile Phone')
    """
    text = name.removesuffix("__c").replace("_", " ")
    text = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", text)
    text = re.sub(r"(?i)\b(mobile|home|work|office|other)(?=phone\b)", r"\1 ", text)
    return " ".join(word[:1].upper() + word[1:] for word in text.split())


def sentence_case(text: str) -> str:
    """Only the first word with a capital, and names as they are.

    >>> sentence_case("Phone Do Not Contact"), sentence_case("Phone E.164")
    ('Phone do not contact', 'Phone E.164')
    """
    first, *rest = text.split() or [""]
    return " ".join([first, *(w.lower() if w.isalpha() and w.istitle() else w for w in rest)])


def phone_labels(labels: Mapping[str, str]) -> dict[str, str]:
    """Phone field -> how its status and the like are to be called, from what the account calls the
    field itself ("" where it does not say): without "number", where that tells them apart.

    >>> phone_labels({"phone": "Phone Number", "mobilephone": "Mobile Phone Number"})
    {'phone': 'Phone', 'mobilephone': 'Mobile phone'}
    >>> phone_labels({"phone": "Phone Number", "desk": "Phone", "mobilephone": ""})
    {'phone': 'Phone number', 'desk': 'Phone', 'mobilephone': 'Mobile phone'}
    """
    whole = {
        name: _small(label.split() or words_of(name).split()) for name, label in labels.items()
    }
    short = {name: _NUMBER.sub("", label) or label for name, label in whole.items()}
    shared = _repeated([*short.values()])
    return {
        name: whole[name] if short[name].casefold() in shared else short[name] for name in short
    }


def _small(words: Sequence[str]) -> str:
    """Words that are common in a phone's label, small behind the first."""
    first, *rest = words
    rest = [word.lower() if word.istitle() and word.lower() in _COMMON else word for word in rest]
    return " ".join([first[:1].upper() + first[1:], *rest])


def _repeated(texts: Sequence[str]) -> set[str]:
    folded = [text.casefold() for text in texts]
    return {text for text in folded if folded.count(text) > 1}
