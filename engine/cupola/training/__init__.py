"""Training: from a version of a dataset and the name of an estimator to a fitted, measured, saved pipeline."""
