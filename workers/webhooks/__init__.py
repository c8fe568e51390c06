"""Tells webhooks what happened: finds out who wants what, sends it, and tries again."""
