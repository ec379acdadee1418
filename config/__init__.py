"""What an operator sets: typed settings, the commented hygiene.toml, logging."""
