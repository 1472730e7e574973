"""Ways to run a model; each does no more than ``predict(items) -> probabilities``."""
