"""What came from what: data to tunings and runs, runs to models, models to endpoints, executions to what they made."""
