"""What the world shows: commits, trees, reviews and signatures, read so that nothing in them is believed or run."""
