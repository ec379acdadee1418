"""The fault campaign (`make chaos`): the real system under a seeded schedule of faults.

    plan      what people and faults do, and when, from a seed
    house     PostgreSQL, Redis and the product's real processes
    people    contacts are edited, messages arrive, flags are ticked; what the CRMs saw is kept
    faults    what goes wrong
    model     what must be true in the end, worked out without any code of the product
    check     the promises of the design, held against what is there
    mutants   deliberately broken builds that the campaign must catch

The conductor, the stand-ins and the model live in this process; workers, beat and web are processes
of their own that are killed, stopped and started while they work.
"""
