"""Stand-ins for every outside service: real HTTP servers that answer as the true ones do.

They are for the demo, the tests and the benchmarks. They import nothing of the product, so that a
mistake in the product's idea of an API cannot hide in them.
"""
