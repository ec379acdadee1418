"""Count sources, campaigns, lists, countries and months; isolate and audit the bad ones."""
