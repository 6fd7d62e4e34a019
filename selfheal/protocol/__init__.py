"""The protocol of a heal, step by step, on ports."""
