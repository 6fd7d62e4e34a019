"""The web server: who may come in, and what every answer has in common; pages and API are mounted in it."""
