"""Figures: one drawing code for the page, notebooks and papers; see `catalog`."""
