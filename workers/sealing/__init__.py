"""Seals the journal outside the write path, and hands its checkpoints out."""
