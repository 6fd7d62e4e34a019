"""Benchmarks: ours beside something that everybody knows, in one run, alternately. `python -m benchmarks NAME`."""
