"""Specification of `worker.queries`: what pages, commands and the API read.

Read in this order:

    test_number_head.py     what holds for a number now, and the story of how it came to that
    test_overview.py        when a CRM is called late
    test_contacts.py        the contacts behind a figure
    test_query_plans.py     which few rows of a large database a page reads
    test_postgres_plans.py  which indexes lead PostgreSQL to them
    test_digest.py          each figure of the weekly digest, against data that the test made
    test_calling_hours.py   when a number may be called
    test_digest_message.py  what the digest says, and how it looks in a mail reader
"""
