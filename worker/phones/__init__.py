"""Reads a phone field as a person typed it. Pure: no store, network, clock or settings."""

from worker.phones.contact_fields import Whereabouts, read_contact
from worker.phones.countries import region_of
from worker.phones.field_parser import read_field
from worker.phones.metadata import NumberFacts, facts, is_possible
from worker.phones.model import Kind, Number, Reading
from worker.phones.text import folded_digits

__all__ = [
    "Kind",
    "Number",
    "NumberFacts",
    "Reading",
    "Whereabouts",
    "facts",
    "folded_digits",
    "is_possible",
    "read_contact",
    "read_field",
    "region_of",
]
