"""Wires what bootstrap would grow too long with: one file for each family."""
