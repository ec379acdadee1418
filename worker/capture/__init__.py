"""Verify a number while somebody types it: for forms in a browser, and for portals.

A form shows a capture key. What is in a browser is public, and an origin can be forged, so a key
does nothing but verify one number, at a rate and within a budget of its own, and its answers are
the same whether we know the number or not (docs/capture.md).
"""
