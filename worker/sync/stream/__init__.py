"""Follow the change events of a CRM: what a person changes is read within seconds.

    plan.py        what events mean for us, purely
    state.py       positions, leases and wanted pulls, in the database
    pulls.py       pull what events did not tell
    subscriber.py  the long-lived loop behind `hygiene stream`

An event becomes what a webhook of HubSpot becomes (`worker.sync.hubspot_events`): the ids of the
records are stored in `changed_records`, and the runs of `worker.sync.propagate` read them. The ids
are committed together with the new replay id, so no event is behind us that was not stored.
"""
