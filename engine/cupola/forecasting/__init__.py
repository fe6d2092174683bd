"""Forecasts of time series: candidates compared on rolling origins, the best of them as one model."""
