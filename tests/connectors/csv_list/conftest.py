"""Specification of `connectors.csv_list`: a list on disk, from bytes to contacts and back.

Read in this order:

    test_encodings.py      the encoding
    test_parser.py         the rows
    test_columns.py        the columns that hold phones
    test_connector.py      the list as a CRM
    test_formula_guard.py  no cell that we write runs as a formula
"""
