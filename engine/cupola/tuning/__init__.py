"""Tunings: many trainings of one estimator, each with other parameters, in search of the best (`docs/tuning.md`)."""
