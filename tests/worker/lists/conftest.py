"""Specification of `hygiene clean`.

Read in this order:

    test_clean.py  what is kept, added and refused
    test_files.py  workbooks, standard streams, whole outputs
"""
