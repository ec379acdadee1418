"""Say of numbers whether they may be called or texted now, why not, and until when that holds.

`evidence` reads all that is known of some numbers, in one snapshot of the database; `decide` is
pure; `certificates` keeps what was asked and answered, so that it can be shown later; `scrub` puts
them together, for a request or for a list of any length. It costs nothing and asks nobody outside.
"""
