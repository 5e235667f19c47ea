"""Index over time to Trend."""
