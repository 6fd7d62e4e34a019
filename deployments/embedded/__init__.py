"""The embedded stack: Postgres, NATS, the Prefect server and a worker, in one data folder."""
