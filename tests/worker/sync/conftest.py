"""Specification of `worker.sync`. The promises are numbered in ARCHITECTURE.md.

Read in this order:

    test_promises.py          what every sync keeps
    runs/                     runs: opened, paused, cancelled, undone
    read/                     reading a CRM
    pages/                    processing a page
    write/                    writing to a CRM
    undo/                     undoing a run
    stream/                   what a CRM's change events name is read at once
    propagate/                a report reaches every record with its number
    test_several_orgs.py      two orgs and two portals beside each other
    test_organisations.py     a company's switchboard is not a person
    test_page_events.py       what a sync tells endpoints
    test_review_holds.py      no texts while a reply waits for review
    test_consent_writes.py    opt-outs as consent records of the CRM
    test_owner_tasks.py       a task for a record's owner when a number goes bad
    test_paid.py              paid verification from end to end
    test_country_code.py      HubSpot's two country properties
    test_calling_hours_field.py  calling hours as a field of the CRM
    test_quiet_first_sync.py  a first sync that starts few workflows
    test_faults.py            faults of a CRM during a run
    test_kill.py              killed workers and a flushed Redis
    test_machine.py           any order of events, against a reference
    test_under_fire.py        four workers, kills and a faulty provider at once
"""
