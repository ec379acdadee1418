"""What follows from reports: suppressions, and what is told of them."""
