"""Tasks: what is asked of an item, and so what an answer looks like; one file each."""
