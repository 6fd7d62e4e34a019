"""The only SQL outside migrations: one file per table family."""
