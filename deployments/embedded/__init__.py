"""The embedded servers: Postgres, NATS, Prefect, and the launcher that starts them."""
