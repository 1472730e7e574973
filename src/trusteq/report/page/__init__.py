"""The report as one HTML file: ``page.page(evidence)``."""
