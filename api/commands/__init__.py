"""The command line's own: what each command does, and how it tells of it."""
