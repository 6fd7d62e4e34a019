"""The campaign: faults on many targets while healers and servers are killed and frozen, and a checker of its own."""
