"""Specification of the command line, as an operator meets it.

Read in this order:

    test_main.py        results, JSON, exit codes, mistakes
    test_syncs_at_once.py  `hygiene sync` of several CRMs
    test_feedback.py    reports, suppressions, evidence, erasure
    test_endpoints.py   endpoints of events, and the feed of changes
    test_capture_keys.py  the keys of forms
    test_asking.py      campaigns that ask customers
    test_explain.py     how one text is read
    test_removals.py    removals on hold
    test_crm_remove.py  our fields, taken out of a CRM again
    test_admin.py       overview, segments, users, runs
    test_digest.py      the weekly digest in the terminal
    test_supervisor.py  `hygiene up` and its processes
    test_demo.py        `hygiene demo`
    test_installed_packages.py  a connector and a provider of installed packages
    test_imports.py     what a command does not load
    test_help.py        help, mistakes, completion
    test_output.py      tables, times and colours, in a terminal and in a pipe
"""
