"""Who may do what: people, sessions, tokens of the API, and the log of what each of them did."""
