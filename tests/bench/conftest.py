"""Specification of `bench`.

Read in this order:

    test_results.py  what a bench records, and the table that is made of it
"""
