"""`python -m cupola.environments`: builds the catalogue of this environment where it is not there yet."""

from cupola.environments.catalogue import build

if __name__ == "__main__":
    build()
