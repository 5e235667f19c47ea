"""One command, one file; imports the public API only."""
