"""Contacts that share a number: found in our index, classified by rules, never merged by us."""
