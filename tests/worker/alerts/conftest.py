"""Specification of `worker.alerts`.

Read in this order:

    test_alerts.py         what is sent, to whom and how often
    test_slow_channels.py  a slow channel holds nobody up
"""
