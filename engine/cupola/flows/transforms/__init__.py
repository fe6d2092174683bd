"""The transforms of flows, a module per group of them: their parameters, what each learns, and its SQL."""
