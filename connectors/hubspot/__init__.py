"""HubSpot: date-versioned CRM API, lists, calls and property setup.

`connector` is what the product sees; everything else serves it.
"""
