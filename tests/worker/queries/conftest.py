"""Specification of `worker.queries`.

Read in this order:

    test_digest.py          each figure of the weekly digest, against data that the test made
    test_digest_message.py  what the digest says, and how it looks in a mail reader
"""
