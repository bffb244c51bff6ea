"""Where SQL runs: one module an engine, behind one protocol."""
