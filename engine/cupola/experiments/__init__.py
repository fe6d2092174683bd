"""Experiments: runs with what went in, what came out, and what people say of them."""
