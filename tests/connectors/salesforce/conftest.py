"""Specification of `connectors.salesforce`, beside the conformance suite.

Read in this order:

    test_setup.py            fields and rights that the set-up creates
    test_privacy_access.py   the privacy records that emails need
    test_org.py              an org's login, limits, triggers, owners and errors
    test_bulk.py             Bulk API 2.0 for large reads and writes
    test_person_accounts.py  people that are account and contact in one
    test_any_object.py       accounts of companies, cases, custom objects; the scan
    test_probe.py            facts that only a real org can settle
"""
