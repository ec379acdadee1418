"""Specification of `worker.calling_hours`.

Read in this order:

    test_window.py  when somebody may be called
    test_rules.py   the rules and their sources
"""
