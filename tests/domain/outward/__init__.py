"""How events look from outside."""
