"""Specification of `worker.store`.

Read in this order:

    test_store.py           migrations, statements and runs on both databases
    test_upgrades.py        data of each earlier version
    test_views.py           the views for a warehouse, as they are documented
    test_fit_key.py         long names and keys are not taken for one another
    test_array_param.py     lists as one parameter
    test_text_marks.py      a query finds its partial index
    test_locks.py           named locks
    test_lost_fields.py     fields that our user no longer sees
    test_machine_faults.py  full disks, services that are away, one bad record
    test_pseudonyms.py      how erased numbers are recognised
    test_private_files.py   other users of the machine read nothing
    test_redis_server.py    which server is started, and how old it is
    test_redis_tls.py       Redis over TLS
"""
