"""What follows from reports: suppressions, and what CRMs and others are told about them."""
