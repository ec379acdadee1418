"""The answers of the API, as the OpenAPI document describes them.

They describe and convert nothing: a route sends what the product's functions return. A test checks
real answers against them. Keys that are there only sometimes are `NotRequired`. Times are ISO 8601
in UTC.
"""
