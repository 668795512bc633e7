"""What a user hands in, read once and alike everywhere: text, paths, and values as Python users have them."""
