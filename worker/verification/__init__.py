"""Verifies numbers through providers: one file a provider, the chain, the memory of answers."""
