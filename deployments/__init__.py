"""How Selfheal runs: its servers, its worker, its deployments."""
