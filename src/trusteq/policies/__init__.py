"""Preset policies, as YAML."""
