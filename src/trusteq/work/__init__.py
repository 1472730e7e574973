"""Work in shards: what a model is asked, where that runs, and what is kept of it when the rest is interrupted."""
