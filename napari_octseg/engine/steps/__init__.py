"""Named steps of a card: preparation before a network, cleaning after it."""
