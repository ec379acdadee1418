"""The fault campaign's own parts. The campaign itself is `make chaos` (docs/faults.md).

Read in this order:

    test_model.py          its model states the same rules as the product
    test_stories.py        what a flag must be after each order of what may happen to it
    test_after_undo.py     what each field must hold after an undo
    test_asking_checks.py  who was asked, who was not, and what was recorded of it
    test_mutants.py        a broken build that no longer fits the code is told from one caught
    test_postgres.py       it finds or brings the PostgreSQL that it runs
"""
