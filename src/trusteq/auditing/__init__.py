"""The audit: models run, their answers are compared and judged, and a finished run can be computed again."""
