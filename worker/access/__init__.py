"""Who may do what: users, sessions, API tokens, and the log of what each of them did."""
