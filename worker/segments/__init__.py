"""How sources, campaigns, lists, countries and months do; bad ones are set apart and audited."""
