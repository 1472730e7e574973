"""Ways to run a model; each only answers ``predict(items) -> probabilities``."""
