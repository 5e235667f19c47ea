"""What a finished Fit answers."""
