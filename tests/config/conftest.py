"""Specification of `config`: what an operator sets and what a process logs.

Read in this order:

    test_settings.py       defaults, mistakes, redaction of secrets
    test_connections.py    several connections of a kind
    test_alert_settings.py  channels and routes of alerts, the weekly digest
    test_errors.py         the tree of errors, exit codes and HTTP statuses
    test_logging_setup.py  what log lines hold, and what they never hold
    test_tracing.py        one trace from a request to its writes
    test_stopping.py       a signal ends a process with one exit code
    test_temporary.py      what a killed process leaves in temporary folders, and who deletes it
    test_version.py        the version comes from one place
"""
