"""The folder a fit is kept in: written whole or not at all, read with its checksums and digest checked.

abilities.csv, benchmarks.csv and fit.json are for people and other programs; posterior.nc holds the draws,
the mode and the scores, and opens in ArviZ and xarray. Free of jax.
"""
