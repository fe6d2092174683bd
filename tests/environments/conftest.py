from tests.environments.built import built, known

__all__ = ["built", "known"]
