"""Specification of `connectors.hubspot`, beside the conformance suite.

Read in this order:

    test_tokens.py    login by OAuth
    test_setup.py     properties and lists that the set-up creates
    test_writes.py    rules on writes, and what a refusal costs
    test_call_log.py  logged calls are read once each
    test_any_object.py  companies, tickets, leads, custom objects; the scan
    test_probe.py     facts that only a real account can settle
"""
