"""Writes to a CRM, and takes it back."""
