"""Reads a CRM's contacts page by page, and finds what has changed or is gone."""
