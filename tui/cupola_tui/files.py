"""Paths as a person types them: relative to where the app was started, with ~, completed from what is there."""

import os

MOST = 50


def absolute(typed: str) -> str:
    """The whole path; a URL, JSON and - are left alone. The process that reads the workspace stands elsewhere."""
    if "://" in typed or typed[:1] in ("{", "[", "-"):
        return typed
    return os.path.abspath(os.path.expanduser(typed))  # noqa: PTH100, PTH111 - nothing is to be resolved


def complete(typed: str) -> list[str]:
    """What the path may become, directories with a slash at their end. Reads the disk: not for the screen thread."""
    head, _, name = typed.rpartition("/")
    directory = absolute(head + "/" if "/" in typed else ".")
    found = []
    try:
        with os.scandir(directory) as entries:
            for entry in entries:
                if entry.name.startswith(name) and (name.startswith(".") or not entry.name.startswith(".")):
                    found.append((head + "/" if "/" in typed else "") + entry.name + ("/" if entry.is_dir() else ""))
                if len(found) >= MOST:
                    break
    except OSError:
        return []
    return sorted(found)
