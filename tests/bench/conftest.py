"""The benchmarks run: their figures are for people, and are no test.

test_big_database.py  the database that the pages are measured on
"""
