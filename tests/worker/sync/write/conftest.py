"""Specification of `worker.sync.write`.

Read in this order:

    test_batcher.py        pages share full batches
    test_refused_stops.py  a refused write costs nobody their opt-out
"""
