"""Is the audit right? Candidates whose relation to their reference is known, because it was planted."""
