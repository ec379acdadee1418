"""Specification of `worker.segments`.

Read in this order:

    test_statistics.py  when a segment is surely bad
    test_isolation.py   counting, isolating, auditing and releasing
"""
