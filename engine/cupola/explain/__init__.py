"""Why a model answers as it does, and whom its answers treat differently."""
