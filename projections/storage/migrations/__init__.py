"""The schema, one numbered file per change."""
