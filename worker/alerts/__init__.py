"""Tells an operator, once each, of what needs a person."""
