"""Verify numbers through providers: one file for each provider, the chain, the answer cache."""
