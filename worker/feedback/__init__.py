"""Reports from outside about numbers, and what they mean for a contact."""
