"""What people say of records: tags and comments, in one journal per writer and collection, and their fold.

`.cupola/notes/COLLECTION/WRITER.jsonl`; a line names its record (`ref`), what is said (`op`: tag, untag, comment) and
who says it; of versions of datasets also that they are bad (`cupola.team.verdicts`). `flights` is the dataset,
`flights@3-7f3a` a version of it; models likewise. The feed tells of the line in the journal, not of the record: that
has not changed, and neither has its revision. The fold is the same for every reader, whatever order the journals
come in.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Protocol

import msgspec

from cupola.errors import BadOption
from cupola.store import Store, basis, claims, feed, journals, names

DIRECTORY = ".cupola/notes"
COLLECTIONS = {
    "dataset": "datasets", "run": "experiments", "job": "jobs", "model": "models", "endpoint": "endpoints",
    "tuning": "tunings", "experiment": "whole-experiments", "pipeline": "pipelines",
}  # fmt: skip
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


class Tagged(Protocol):
    """What has tags: a version of a dataset or model, an endpoint."""

    tags: list[str]


class Notes(msgspec.Struct, kw_only=True):
    """What people say of one record."""

    tags: list[str] = msgspec.field(default_factory=list)
    comments: list[Comment] = msgspec.field(default_factory=list)


def say(store: Store, kind: str, ref: str, op: str, values: list[str]) -> None:
    """Writes down that tags were set ("tag") or taken away ("untag"), or a "comment", and announces the line."""
    user, host = names.who()
    entries = [{"ref": ref, "op": op, "value": value, "user": user, "host": host} for value in values]
    path = f"{directory(kind)}/{store.writer}.jsonl"
    line = journals.append(store, path, entries)
    feed.announce(store, "note", f"{kind}/{ref}", line, path)


def entries(store: Store, kind: str) -> list[Entry]:
    """All that was said of the records of a kind, in the order that every reader sees."""
    return journals.folded(store, directory(kind))


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


def put_tags(store: Store, kind: str, records: Mapping[str, Tagged]) -> None:
    """Adds what people have said to the tags of records, which are keyed by their refs; a version of a dataset or model
    also has those of the whole."""
    said = [entry for entry in entries(store, kind) if entry.get("op") in ("tag", "untag")]
    versions: dict[str, list[str]] = {}
    for ref in records:
        whole, at, _ = ref.partition("@")
        if at:
            versions.setdefault(whole, []).append(ref)
    found = {ref: Notes(tags=list(one.tags)) for ref, one in records.items()}
    replay(({**entry, "ref": ref} for entry in said for ref in versions.get(str(entry.get("ref")), ())), found)
    replay(said, found)
    for ref, one in records.items():
        one.tags = found[ref].tags


def comment(entry: Entry) -> Comment:
    """The comment that a line holds."""
    said = {name: str(entry.get(name, "")) for name in ("user", "host", "time")}
    return Comment(text=str(entry.get("value", "")), **said)


def of(store: Store, kind: str, ref: str, tags: Iterable[str] = ()) -> Notes:
    """What people say of one record, which had `tags` from the beginning."""
    found = Notes(tags=list(tags))
    replay(entries(store, kind), {ref: found})
    return found


def retag(
    store: Store, subject: str, kind: str, ref: str, given: Iterable[str], wanted: list[str], gone: list[str]
) -> None:
    """Sets tags and takes others away, under their claim; `given`: those that the record has from elsewhere.

    Raises BadOption for one that is to go and is not there (of `subject`, as people call it), Conflict where the tags
    are not those that a form had shown.
    """
    given = list(given)
    with claims.held(store, f"edit/{directory(kind)}"):
        has = of(store, kind, ref, given).tags
        basis.check(tags_path(kind, ref), lambda: state(has))
        if missing := [one for one in gone if one not in has]:
            raise BadOption(f"{subject} has no tag {missing[0]!r}", hint=f"it has: {', '.join(has)}")
        for op, said in (("untag", gone), ("tag", [one for one in wanted if one not in has])):
            if said:
                say(store, kind, ref, op, list(dict.fromkeys(said)))


def tags_path(kind: str, ref: str) -> str:
    """What the tags of a record are called where a form has shown them; they lie among those of many records."""
    return f"{directory(kind)}/{ref}"


def state(tags: Iterable[str]) -> str:
    """The state of tags, as `basis` compares it."""
    return ",".join(sorted(tags))


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


def directory(kind: str) -> str:
    """Where the journals of a kind lie."""
    return f"{DIRECTORY}/{COLLECTIONS[kind]}"
