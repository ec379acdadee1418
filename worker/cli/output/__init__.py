"""Show results of `hygiene` in a terminal: a module for each kind of result."""
