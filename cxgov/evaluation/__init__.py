"""What the numbers say: intervals, changes, families of changes, and what must be hidden with what is hidden."""
