"""Figures from labels: areas and volumes of classes, profiles, surfaces in 3-D."""
