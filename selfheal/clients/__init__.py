"""The only code that talks to servers other than the database."""
