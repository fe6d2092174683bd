"""Flows: named transforms of datasets, fitted on the training part, run as jobs, previewed, exported, deployed."""
