"""Raw files to a coded score matrix."""
