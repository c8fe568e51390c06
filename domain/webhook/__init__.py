"""Webhooks: who is told of which events, and for how long somebody who is not there."""
