"""Score matrix to Fit: one algorithm, one file."""
