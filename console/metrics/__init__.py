"""`/metrics`: what a scrape of Prometheus reads, counted in the database at that moment."""
