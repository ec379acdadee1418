"""Specification of `worker.ops`.

Read in this order:

    test_doctor.py     likely mistakes are found and named
    test_home.py       which home folder is used
    test_retention.py  what is deleted when, and what stays
    test_former_records.py  records of a removed connection are dropped, and nobody's no with them
    test_account_change.py  a name takes another account, and nothing that was said goes astray
    test_export.py     all data out in one file, and in again
    test_person_export.py  what we hold of one person, and nothing of others
    test_warehouse.py  Parquet files that hold each row once, and nobody who was erased
    test_pausing.py    the switch that pauses everything that writes or sends
"""
