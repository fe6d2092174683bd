"""Runs of any script: what `cupola.run()` and `cupola.autolog()` log, and how that reaches a disk nobody waits for."""
