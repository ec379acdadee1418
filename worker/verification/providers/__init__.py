"""The providers that can be asked about a number: one module for each."""
