"""Paths as a person types them: relative to where the app was started, or with ~."""

import os


def absolute(typed: str) -> str:
    """The whole path; a URL, JSON and - are left alone. The process that reads the workspace stands elsewhere."""
    if "://" in typed or typed[:1] in ("{", "[", "-"):
        return typed
    return os.path.abspath(os.path.expanduser(typed))  # noqa: PTH100, PTH111 - nothing is to be resolved
