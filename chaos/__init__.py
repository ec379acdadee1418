"""The fault campaign (`make chaos`): the real system under a seeded schedule of faults.

    plan         what actors and faults do, and when, drawn from a seed
    environment  PostgreSQL, Redis and the product's real processes
    fork_server  starts those processes in milliseconds
    overrides    patches of a process: shorter intervals, another host, another clock
    actors       people: what each kind of action of a plan does
    crm_records  the contacts that they edit; records what the CRMs saw
    senders      those who send messages, until each is acknowledged
    ground_truth what people did: all that the model knows
    faults       what goes wrong
    model        what must be true in the end, derived without any code of the product
    check        checks the promises against what is there
    stories      tries what is told apart only by several syncs, once all is quiet
    campaign     one schedule from set-up to verdict
    mutants      builds broken on purpose, which the campaign must catch

The campaign, the stand-ins and the model run in this process. Workers, beat and web are processes
of their own, which are killed, stopped and started while they work.
"""
