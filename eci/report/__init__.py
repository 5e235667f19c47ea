"""Tables, words and pictures of results."""
