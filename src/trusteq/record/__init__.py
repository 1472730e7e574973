"""A finished audit, as values and as files."""
