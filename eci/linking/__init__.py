"""Two indices on one scale."""
