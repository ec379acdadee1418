"""Specification of `worker.feedback.sources`.

Read in this order:

    test_twilio.py          replies and message statuses
    test_vendor_conformance.py  what every vendor of webhooks does
    test_other_messages.py  an MMS, a button, words below a picture, no words at all
    test_delivery_codes.py  error codes of messages
    test_dispositions.py    outcomes of calls, read from the CRM
    test_call_outcomes.py   outcomes without a name or a meaning
    test_outcome_meanings.py  what the names of outcomes mean
    test_consent_records.py opt-outs in consent records of a CRM
    test_refused_polls.py   calls that a CRM does not list
    test_files.py           files of numbers and reports
"""
