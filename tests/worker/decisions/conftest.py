"""Specification of `worker.decisions`: pure functions from readings, answers and reports to writes.

Read in this order:

    test_resolve.py  which provider's answer counts
    test_decide.py   statuses, flags and what differs
    test_reasons.py  what a reason says, and what says the same
    test_wording.py  the sentence for the salesperson, in nine languages
    test_quiet.py    records that a quiet first sync leaves alone
"""
