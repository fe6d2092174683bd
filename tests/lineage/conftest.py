"""A workspace with finished runs."""

from tests.registry.conftest import finish, store, ws

__all__ = ["finish", "store", "ws"]
