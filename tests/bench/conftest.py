"""Specification of `bench`.

Read in this order:

    test_results.py       what a bench records, and the table that is made of it
    test_big_database.py  the database of `bench.pages` and `bench.warehouse` is filled
"""
