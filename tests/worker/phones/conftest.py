"""Specification of `worker.phones`: from a phone field to numbers.

Read in this order:

    test_field_parser.py    fields, one by one
    test_fields.py          spellings, extensions, notes, confidence
    test_hard_fields.py     hard fields that nobody here wrote
    test_asides.py          ids, days and amounts beside a number; short numbers of islands
    test_marks_and_labels.py  marks, labels and digits of another sort, over countries
    test_prefixes.py        prefixes of other countries, codes typed twice, slashes within numbers
    test_short_forms.py     last digits of other numbers behind one
    test_old_trunks.py      what was dialled within a country before its plan changed
    test_beside_and_between.py  what stands beside a number and between two, over all regions
    test_contact_fields.py  fields of a contact together, and its country
    test_typed_number.py    a number as it is typed into a form, and slips of the finger
    test_retyped.py        whether an edited text still has the digits of a number
    test_fast_parser.py     the fast parser agrees with libphonenumber
    test_plan_changes.py    renumberings
    test_tables.py          tables kept by hand: sources, shape, agreement with the plans
    test_properties.py      what holds for any field
    test_cost.py            what reading a field costs, in function calls
"""
