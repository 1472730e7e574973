"""An audit in an experiment tracker: one file a tracker, all told the same."""
