"""Specification of `worker.queue`.

Read in this order:

    test_dedupe.py     one message of a kind waits at a time
    test_apply.py      who carries reports that come during a run
    test_beat.py       the schedule
    test_warm_up.py    what a worker loads before it forks
    test_malformed.py  messages that are none of ours
    test_stop.py       signals stop a run without loss
"""
