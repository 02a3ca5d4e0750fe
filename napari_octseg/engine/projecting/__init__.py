"""En-face projections of a volume."""
