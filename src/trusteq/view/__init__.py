"""A read-only viewer of finished runs: pages in the browser, from a server that only this machine can reach."""
