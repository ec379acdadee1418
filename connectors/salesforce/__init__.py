"""Salesforce: REST queries, Bulk API 2.0 and sObject collections.

`connector` is what the product sees; everything else serves it.
"""
