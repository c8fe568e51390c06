"""Runs one task in a fresh process of its own, whatever that process does."""
