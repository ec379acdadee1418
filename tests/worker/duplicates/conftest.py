"""Specification of `worker.duplicates`.

Read in this order:

    test_rules.py           why contacts share a number
    test_merge_proposal.py  which record to keep, and with the strictest consent
    test_groups.py          groups are found in the index, stored, compared by names and listed
"""
