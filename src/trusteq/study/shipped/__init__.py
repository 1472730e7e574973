"""Studies that come with trusteq, as YAML."""
