"""What follows from reports: suppressions, and how CRMs and others learn of them."""
