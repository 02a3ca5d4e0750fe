"""Labelled scans to train and to measure on."""
