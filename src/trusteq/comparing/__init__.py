"""Measures of two models' predictions: pure functions on arrays, each result an estimate."""
