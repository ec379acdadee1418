"""Specification of `worker.suppression`.

Read in this order:

    test_queue.py    from a webhook to both CRMs, with real processes
    test_retries.py  what a sender repeats counts once
    test_erasure.py  what an erasure deletes, and what it keeps
    test_undo_action.py  an undo of a suppression by selection, and what others said
    test_crm_opt_outs.py  opt-outs that a CRM holds already, taken over as one batch
    test_import_batches.py  a list as one batch, and its undo
    test_undo_reports.py  a file of reports as one batch, and what its undo leaves
    test_late_stops.py  a stop that reaches us late, and what was cleared before
    test_shared_numbers.py  nobody lifts what another said who has the same number
"""
