"""Specification of `connectors.http`: one way to call, wait and check answers.

Read in this order:

    test_rate_limits.py     the share of a CRM's limits that we use
    test_pace.py            how much of a limit the pace uses, by a simulation
    test_wire.py            TLS, proxies, deadlines: what happens on the way
    test_contradictions.py  answers that contradict themselves are not believed
    test_spoilt_text.py     damaged texts cost nobody else their read
    test_error_text.py      error pages become one line
"""
