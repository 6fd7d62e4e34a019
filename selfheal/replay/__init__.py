"""Runs rules over what was recorded: pure, and with the very policies that run in production."""
