"""What can be seen of models and data without running anything, and the audit file that it suggests."""
