"""Suppression lists with an authority, such as the US National Do Not Call Registry.

A registry has a name, an authority, channels, countries, and an age from which it is stale
(`[registries.NAME]`). Its numbers stand in a table of integers (`numbers`), not among the
suppressions: there are ten million. `formats` reads the files, `imports` puts a whole file or a
change list in force in one step, `follow_up` has the contacts processed whose numbers came or
went, and `matching` tells a sync and a scrub which numbers are listed. A list as a whole has a row
for each import; a number on it has no row of history.
"""
