"""Runs: pages are pulled and stored, processed, written back; watermarks move when all is done."""
