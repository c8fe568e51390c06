"""Tasks under faults: what was acknowledged comes to one end, whatever is killed."""
