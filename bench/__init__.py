"""Benchmarks: ratios against the shortest honest script, measured in one run."""
