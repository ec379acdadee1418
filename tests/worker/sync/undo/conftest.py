"""Specification of `worker.sync.undo`.

Read in this order:

    test_undo_refused.py  an undo takes back what its run has written
    test_undo_records.py  ... or only some records of it
    test_undo_stops.py    an undo makes nobody contactable again
"""
