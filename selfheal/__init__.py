"""The domain of Selfheal in plain Python; it never imports Prefect."""
