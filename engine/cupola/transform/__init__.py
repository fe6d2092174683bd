"""Batch transform: a file of rows in, a file of predictions out."""
