"""A look over the whole workspace: what is torn, missing, changed, stale or left over, and what can be mended of it."""
