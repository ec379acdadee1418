"""The stand-ins behave as the true services do.

Read in this order:

    test_salesforce.py  Salesforce, by its unmodified client
    test_hubspot.py     HubSpot: limits, errors, odd records
    test_lazy_table.py  contacts that are made when they are asked for
    test_mail.py        a mail server, by the RFCs
    test_contract.py    our requests and the answers against HubSpot's OpenAPI documents
"""
