"""What Selfheal tells in the Prefect UI besides the states of its runs: reports and tables, as artifacts."""
