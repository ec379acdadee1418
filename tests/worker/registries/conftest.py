"""Specification of `worker.registries`.

Read in this order:

    test_imports.py  a whole file, a change list, the guard, and imports that die
    test_formats.py  how files are read
    test_sync.py     what a sync makes of a number on a registry
"""
