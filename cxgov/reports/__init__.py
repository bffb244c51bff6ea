"""Values to text, one module a subject; no decisions. Every printer escapes for its reader."""
