"""Specification of `worker.verification.providers`.

Read in this order:

    test_conformance.py    what every provider does
    test_twilio.py         Twilio Lookup v2
    test_numverify.py      NumVerify
    test_clearoutphone.py  ClearoutPhone
    test_rnd.py            the Reassigned Numbers Database
"""
