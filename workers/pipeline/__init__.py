"""A pipeline's side of a lock: ask, wait, run a command under it, give it back."""
