"""The search language over every kind of record: reading it, evaluating it, completing it, views kept under a name."""
