"""What all CRM clients share: one way to call, wait, limit and check answers over HTTP."""
