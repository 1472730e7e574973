"""The audit: models are asked, what they said is computed and judged, and may be computed again."""
