"""Where reports come from: replies, delivery receipts, calls, files and requests."""
