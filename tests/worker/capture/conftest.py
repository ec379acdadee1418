"""Specification of `worker.capture`: numbers that are verified while somebody types.

Read in this order:

    test_keys.py      what a key may be, and who may show it
    test_rates.py     at most so many a minute, in all processes together
    test_visitors.py  who is one visitor, behind proxies too
    test_budget.py    never over a budget, however many ask at once
"""
