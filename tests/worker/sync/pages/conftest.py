"""Specification of `worker.sync.pages`: a page from the claim to its results.

Read in this order:

    test_pool.py           several pages at once
    test_stored_pages.py   a page survives its way through the database
    test_statements.py     how many statements a page takes
    test_late_writes.py    what a write that got no answer may still do
    test_own_flags.py      our own writes are no person's word, in whatever order they come
    test_retyped_phones.py a phone that a person retypes while we work stays as it was typed
    test_note_reports.py   what stands beside a number in its field counts as a report
    test_evaluator.py      what an answer means for a contact
    test_reasons.py        a new wording or language of reasons, and its command
    test_changed_readings.py  fields that are read as other numbers than before
    test_merges.py         merged records lose no opt-out
    test_merges_attack.py  merges in odd orders, with crashes and odd answers
"""
