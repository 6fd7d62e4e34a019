"""The demo estate: a few real programs under a supervisord of their own, made to be broken and healed."""
