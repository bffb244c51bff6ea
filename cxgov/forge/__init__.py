"""GitHub: what its workflows ask for, from its REST API and its git, to a verdict of the gate and back."""
