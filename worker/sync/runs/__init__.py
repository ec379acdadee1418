"""Runs: how one is opened, resumed, watched and reported."""
