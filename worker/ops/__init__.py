"""What an operator runs: doctor, supervisor, retention, export, demo."""
