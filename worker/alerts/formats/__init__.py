"""How a message looks in each kind of channel: pure functions, which know the services' limits."""
