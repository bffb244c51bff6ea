"""Frozen periods: what a metric meant, byte for byte, in a chain that nobody can edit unseen."""
