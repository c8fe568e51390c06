"""Whatever runs without being asked over HTTP, and the adapters to the outside."""
