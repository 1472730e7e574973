"""What people and machines read: terminal, JSON, notebook."""
