"""Input from outside, drawn at random.

Read in this order:

    test_outside_input.py  a clear error or a sensible reading, never a crash
"""
