"""Corrections by hand: journal, boundary and region tools, propagation, review."""
