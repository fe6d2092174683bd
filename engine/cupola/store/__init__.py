"""Files that several people on several hosts read and write at the same time, with nothing lost."""

from cupola.store.root import Store

__all__ = ["Store"]
