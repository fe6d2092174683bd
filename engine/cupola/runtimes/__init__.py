"""How a model is run for requests: compiled (lookups, arithmetic, trees by treelite) or native (scikit-learn)."""
