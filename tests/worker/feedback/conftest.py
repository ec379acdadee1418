"""Specification of `worker.feedback`: reports, from their source to the consent state.

Read in this order:

    sources/                 where reports come from
    test_replies.py          what a reply means
    test_reply_kinds.py      kinds of replies that were once misread
    test_reply_doubts.py     clear phrases in sentences that mean something else
    test_reply_slips.py      slips about things, which are no wrong numbers
    test_reply_statements.py  complaints, other numbers, confirmations
    test_reply_questions.py  questions how to stop
    test_reply_declines.py   who declines is seen, and who asks to stay does not leave
    test_reply_absences.py   nobody of that name is there
    test_reply_wordings.py   kinds found in replies to other products
    test_router.py           what no rule knows
    test_unseen_replies.py   how well replies are read that nobody here has seen
    test_review_queue.py     the replies that wait for a person
    test_reply_learning.py   what an installation learns from decided replies
    test_long_replies.py     replies of any length and alphabet
    test_consent_state.py    what the reports about a number amount to
    test_ownership.py        what is said of an organisation's number, and for whom it holds
    test_former_accounts.py  what was said in an account that a connection went to before
    test_changed_readings.py  what is said of a number, said of the one that is read now
    test_merged_stops.py     what is said of a merged record, said of the one that it lives on in
    test_equal_forms.py      numbers that a change of plan made equal
    test_flags.py            flags that CRM users change
    test_flags_over_time.py  a flag in the life of its record
    test_field_notes.py      what people write beside a number
    test_report_keys.py      what differs is stored apart, however long its names
    test_note_words.py       kinds of words beside a number, and what only looks like them
"""
