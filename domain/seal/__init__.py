"""The journal's seal: a signed Merkle tree over it, so that no change goes unseen."""
