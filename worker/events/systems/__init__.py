"""Ways out: systems with a list of their own, to which suppressions are carried. One file each.

A new one is written by docs/adding-a-system.md.
"""
