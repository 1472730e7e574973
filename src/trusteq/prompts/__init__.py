"""How an item becomes what a language model reads, and how its log-probabilities become answers; no model runs here."""
