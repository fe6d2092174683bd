"""The Python environments that work runs in, and what is known of them without importing them."""
