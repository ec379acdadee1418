"""What happened to numbers: the log of events, the feed of it, and its delivery to endpoints."""
