"""Works on one page of contacts, from claiming it to its results."""
