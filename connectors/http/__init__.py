"""What every CRM client shares: one way to call, wait, limit and check answers over HTTP."""
