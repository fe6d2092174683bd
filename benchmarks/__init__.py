"""Measurements, each beside its peer or its limit in the same run: `make bench`, or `python -m benchmarks NAME ...`."""
