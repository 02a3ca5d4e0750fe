"""Bundles: a model is a folder with a card, weights and a README for people."""
