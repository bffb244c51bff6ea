"""What documents say and rest on, as plain values and digests."""
