"""Specification of `worker.decisions`: pure functions from readings, answers and reports to writes.

Read in this order:

    test_resolve.py  which provider's answer counts
    test_decide.py   statuses, flags and what differs
    test_reasons.py  the sentence for the salesperson
    test_quiet.py    records that a quiet first sync leaves alone
"""
