"""Specification of `worker.scrub`.

Read in this order:

    test_scrub.py         what is allowed and denied, why, and until when
    test_nothing_known.py the short way for numbers of which nothing is known
    test_model.py         any order of reports, lists and imports, against a simple model
    test_concurrent.py    no allow for a number that is suppressed at that moment
    test_certificates.py  what is kept for an auditor
    test_scrub_files.py   lists on disk
"""
