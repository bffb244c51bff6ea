"""Who may change what: two registries to changes, changes and evidence to a verdict."""
