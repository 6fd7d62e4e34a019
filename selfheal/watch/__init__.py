"""Watching: sweeps, process exits, and the hand-over from run to run."""
