"""The steps of the mechanisms that start workflows and keep their states."""
