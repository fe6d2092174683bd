"""What people say of records: tags and comments, in one journal per writer and collection, and their fold.

`.cupola/notes/COLLECTION/WRITER.jsonl`; a line names its record (`ref`), what is said (`op`: tag, untag, comment) and
who says it. The fold is the same for every reader, whatever order the journals come in.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Protocol

import msgspec

from cupola.errors import BadOption
from cupola.store import Store, feed, journals, names

DIRECTORY = ".cupola/notes"
COLLECTIONS = {"dataset": "datasets", "run": "experiments", "job": "jobs", "model": "models", "endpoint": "endpoints"}
LONGEST_COMMENT = 10_000
LONGEST_TAG = 100
MENTION = re.compile(r"(?<![\w.@/:+-])@([A-Za-z0-9_](?:[A-Za-z0-9._-]{0,62}[A-Za-z0-9_])?)")

Entry = dict[str, Any]


class Comment(msgspec.Struct, kw_only=True):
    """What somebody wrote about a record."""

    user: str
    host: str
    time: str
    text: str


class Noted(Protocol):
    """What has tags and comments: a run, or `Notes`."""

    tags: list[str]
    comments: list[Comment]


class Notes(msgspec.Struct, kw_only=True):
    """What people say of one record."""

    tags: list[str] = msgspec.field(default_factory=list)
    comments: list[Comment] = msgspec.field(default_factory=list)


def say(store: Store, kind: str, ref: str, op: str, values: list[str]) -> None:
    """Writes down that tags were set ("tag") or taken away ("untag"), or a "comment", and announces the record."""
    user, host = names.who()
    entries = [{"ref": ref, "op": op, "value": value, "user": user, "host": host} for value in values]
    journals.append(store, f"{_directory(kind)}/{store.writer}.jsonl", entries)
    feed.announce(store, kind, ref, 0)


def entries(store: Store, kind: str) -> list[Entry]:
    """All that was said of the records of a kind, in the order that every reader sees."""
    return journals.folded(store, _directory(kind))


def replay(said: Iterable[Entry], records: Mapping[str, Noted]) -> None:
    """Puts what was said onto the records, which are keyed by their refs; what names none of them is passed over."""
    for entry in said:
        record, op, value = records.get(str(entry.get("ref"))), entry.get("op"), str(entry.get("value", ""))
        if record is None:
            continue
        if op == "comment":
            record.comments.append(comment(entry))
        elif op == "untag":
            record.tags = [tag for tag in record.tags if tag != value]
        elif op == "tag" and value not in record.tags:
            record.tags.append(value)


def comment(entry: Entry) -> Comment:
    """The comment that a line holds."""
    said = {name: str(entry.get(name, "")) for name in ("user", "host", "time")}
    return Comment(text=str(entry.get("value", "")), **said)


def of(store: Store, kind: str, ref: str, tags: Iterable[str] = ()) -> Notes:
    """What people say of one record, which had `tags` from the beginning."""
    found = Notes(tags=list(tags))
    replay(entries(store, kind), {ref: found})
    return found


def mentions(text: str) -> list[str]:
    """The people whom a text names as @user, each once; addresses of mail and versions (churn@3) are none."""
    return list(dict.fromkeys(MENTION.findall(text)))


def check_tag(tag: str) -> str:
    """The tag itself. Raises BadOption for one that is empty, too long, or would not fit on a line."""
    if not tag.strip() or len(tag) > LONGEST_TAG or not tag.isprintable() or "," in tag:
        raise BadOption(f"{tag[:120]!a} is not a tag", hint=f"up to {LONGEST_TAG} printable characters without a comma")
    return tag.strip()


def check_comment(text: str) -> str:
    """The text itself, whatever it holds. Raises BadOption for one that is empty, too long, or not Unicode."""
    if not text.strip():
        raise BadOption("a comment says something")
    if len(text) > LONGEST_COMMENT:
        hint = "put what is longer into a file of the workspace and name that"
        raise BadOption(f"a comment has at most {LONGEST_COMMENT:,} characters, not {len(text):,}", hint=hint)
    try:
        text.encode()
    except UnicodeEncodeError:
        raise BadOption("this comment is not Unicode text", hint="write it in UTF-8") from None
    return text


def _directory(kind: str) -> str:
    return f"{DIRECTORY}/{COLLECTIONS[kind]}"
