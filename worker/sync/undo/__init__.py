"""Undo a run, and what reports in force demand of the records that it restores."""
