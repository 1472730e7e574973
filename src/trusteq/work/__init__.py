"""Work in shards: what a model is asked, where it runs, and the finished work that interrupted audits resume from."""
