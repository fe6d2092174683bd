"""What the data of a version is like, before anybody trains on it: the quality-and-insights report."""
