"""Attributions that come from elsewhere, and ours for other tools."""
