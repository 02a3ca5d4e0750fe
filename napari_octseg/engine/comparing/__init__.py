"""Two models on one scan: differences, and the best of both."""
