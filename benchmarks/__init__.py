"""How fast the daemon is, beside what stands for one, in the same rounds: `scripts/bench`."""
