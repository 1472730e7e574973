"""Is the audit right? Candidates whose difference from their reference is known, because it was planted."""
