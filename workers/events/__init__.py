"""The journal to JetStream: every event, in order, at its own place in one stream."""
