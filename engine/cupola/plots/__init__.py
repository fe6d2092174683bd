"""Plots as data, and as SVG, PNG and CSV; a terminal draws the same data in cells."""
