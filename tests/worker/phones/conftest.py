"""Specification of `worker.phones`: from a phone field to numbers.

Read in this order:

    test_field_parser.py    fields, one by one
    test_fields.py          spellings, extensions, notes, confidence
    test_contact_fields.py  fields of a contact together, and its country
    test_fast_parser.py     the fast parser agrees with libphonenumber
    test_plan_changes.py    renumberings, and the table of them
    test_properties.py      what holds for any field
"""
