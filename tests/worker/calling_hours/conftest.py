"""Specification of `worker.calling_hours`.

Read in this order:

    test_window.py  when somebody may be called
    test_week.py    the hours of a week as one line of text
    test_rules.py   the rules and their sources
"""
