"""Servers that run already, given by their url: waited for, used, never started, restarted or stopped."""
