"""Intervals, paired tests, equivalence and power; knows nothing of models."""
