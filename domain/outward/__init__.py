"""How events look from outside: CloudEvents, whom they are about, who may see them."""
