"""Specification of `worker.alerts`.

Read in this order:

    test_alerts.py         what is sent, to whom and how often
    test_channels.py       each kind of channel keeps to the rules of its service
    test_routes.py         which kind of alert goes to which channels
    test_weekly_digest.py  when the digest is sent, and that it is sent once
    test_slow_channels.py  a slow channel holds nobody up
"""
