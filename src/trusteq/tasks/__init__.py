"""Tasks: the question that an item poses, and so the form of an answer; one file each."""
