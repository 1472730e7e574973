"""One of each that a package may add to trusteq."""
