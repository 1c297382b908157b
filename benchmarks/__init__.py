"""Speed, fidelity and memory, measured: one script for each claim, results beside them as JSON."""
