"""Runs over time: each judged measure through the releases of a candidate, and what changed with its verdicts."""
