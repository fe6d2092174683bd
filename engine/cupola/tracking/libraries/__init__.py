"""What `cupola.autolog()` has libraries log: one module each, with `touch(module)`. None imports its library."""
