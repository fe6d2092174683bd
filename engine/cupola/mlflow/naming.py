"""Names of MLflow's as directories of a workspace, and what may be a key; parameters, which MLflow has as texts."""

import hashlib
import posixpath
import re
from functools import lru_cache
from typing import Any

from cupola.mlflow.wire import Pair, Trouble, required
from cupola.store import names

DEFAULT, DEFAULT_ID, DEFAULT_NAME = "default", "0", "Default"
KEY = re.compile(r"[/\w.\- :]*")
LONGEST_KEY = 250
WORDS = {"True": True, "False": False, "None": None}


def directory(name: str) -> str:
    """The directory for an experiment or a model of that name: the name itself where it can be one."""
    if name == DEFAULT_NAME:
        return DEFAULT
    return names.like(name) if name == DEFAULT else names.as_name(name)


@lru_cache(maxsize=4096)
def experiment_id(of: str) -> str:
    """The id of the experiment in a directory: a number, as MLflow's are, and the same wherever it is asked for."""
    if of == DEFAULT:
        return DEFAULT_ID
    return str(int.from_bytes(hashlib.sha256(of.encode()).digest()[:7]) % 10**15 + 1)


def check_key(key: str, what: str) -> str:
    """The name of a metric, a parameter or a tag. Raises Trouble for what MLflow refuses."""
    required("key", key)
    if len(key) > LONGEST_KEY:
        raise Trouble(f"'{what}' exceeds the maximum length of {LONGEST_KEY} characters")
    if not KEY.fullmatch(key):
        allowed = "alphanumerics, underscores (_), dashes (-), periods (.), spaces ( ), colon(:) and slashes (/)"
        raise Trouble(f"Invalid value {key!a} for parameter '{what}' supplied: Names may only contain {allowed}.")
    normal = posixpath.normpath(key)
    if normal != key or normal == "." or normal.startswith(("..", "/")):
        raise Trouble(f"Invalid value {key!a} for parameter '{what}' supplied: it would resolve to {normal!a}")
    return key


def check_tags(tags: list[Pair], longest: int) -> dict[str, str]:
    """Tags by their key, the last of each. Raises Trouble."""
    found = {}
    for tag in tags:
        check_key(tag.key, "tag")
        found[tag.key] = tag.value[:longest]
    return found


def value_of(text: str) -> Any:
    """What a parameter's text stands for, where that is written exactly so: then filters can compare it as a number."""
    if text in WORDS:
        return WORDS[text]
    for kind in (int, float):
        try:
            value = kind(text)
        except ValueError:
            continue
        if str(value) == text and abs(value) < 2**63:
            return value
    return text


def text_of(value: Any) -> str:
    """A parameter as MLflow has it: `str` of it."""
    return value if isinstance(value, str) else str(value)


def new_params(id: str, before: dict[str, Any], given: dict[str, str]) -> dict[str, Any]:
    """Those that are new. Raises Trouble where one would change."""
    other = [
        {"key": key, "old_value": text_of(before[key]), "new_value": text}
        for key, text in given.items()
        if key in before and text_of(before[key]) != text
    ]
    if other:
        logged = f"Params were already logged='{other}' for run ID='{id}'."
        raise Trouble(f"Changing param values is not allowed. {logged}")
    return {key: value_of(text) for key, text in given.items() if key not in before}
