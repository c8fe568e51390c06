"""The seal over the journal, as it is kept: keys, tiles, checkpoints (docs/log.md)."""
