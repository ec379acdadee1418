"""Specification of `worker.sync.read`: which contacts a run processes.

Read in this order:

    test_coalesce.py          small pages become larger ones
    test_repeated.py          a record that an answer holds twice is one
    test_change_detection.py  unchanged contacts go no further
    test_search_lag.py        changes that HubSpot's search finds late
    test_members.py           members of a list or campaign
    test_gone.py              contacts that went away
    test_removals.py          a read that would drop many contacts asks first
"""
