"""Specification of `worker.sync.runs`.

Read in this order:

    test_forecast.py  what a run would cost
    test_control.py   pause, cancel, resume, undo
"""
