"""Alert an operator, once each, about what needs a person."""
