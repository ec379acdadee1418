"""What the `hygiene` command shows in a terminal: a module for each kind of result."""
