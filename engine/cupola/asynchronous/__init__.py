"""Asynchronous requests of an endpoint: a queue on disk, answered one by one into files."""
