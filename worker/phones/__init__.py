"""Parse a phone field as a person typed it. Pure: no store, network, clock or settings."""

from worker.phones.contact_fields import ContactLocation, parse_contact
from worker.phones.countries import region_of
from worker.phones.field_parser import parse_field
from worker.phones.metadata import NumberFacts, facts, is_possible
from worker.phones.model import LineType, Number, ParsedField
from worker.phones.text import folded_digits

__all__ = [
    "ContactLocation",
    "LineType",
    "Number",
    "NumberFacts",
    "ParsedField",
    "facts",
    "folded_digits",
    "is_possible",
    "parse_contact",
    "parse_field",
    "region_of",
]
