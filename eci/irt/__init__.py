"""The measurement model in pure JAX: no inference, no files."""
