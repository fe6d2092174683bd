"""What the members of a team can do: say something about a record, tag it, see who did what and who is here."""

from collections.abc import Callable
from itertools import islice
from typing import Annotated

import msgspec

from cupola.actions import Arg, action
from cupola.errors import BadOption
from cupola.search import evaluating
from cupola.store.names import check_name, who
from cupola.team import access, activity, notes, presence, subjects, unread
from cupola.team.access import Access
from cupola.team.deeds import Act
from cupola.team.presence import Present
from cupola.workspace import Workspace

Ref = Annotated[
    str,
    Arg(
        help="a run, job, tuning, endpoint, experiment, dataset or model, or a version; model:churn if unclear",
        completes="record",
    ),
]
MOST_TAGS = 100


class Said(msgspec.Struct, kw_only=True):
    """A comment on a record. mentions: the people it names as @user."""

    kind: str
    ref: str
    user: str
    host: str
    time: str
    text: str
    mentions: list[str]


class Read(msgspec.Struct, kw_only=True):
    """How many comments that name you are now marked as read, and how many are left."""

    read: int
    unread: int


class Tagged(msgspec.Struct, kw_only=True):
    """The tags of a record."""

    kind: str
    ref: str
    tags: list[str]


@action("comment")
def comment(ws: Workspace, ref: Ref, text: Annotated[str, Arg(help="what there is to say; @user names one")]) -> Said:
    """Write a comment on any record, with your name and the time.

    Whoever is named as @user finds it with `cupola activity --mentions`. A comment on flights is one on the dataset
    with all its versions, a comment on flights@3 one on that version; likewise models.
    """
    notes.check_comment(text)
    subject = subjects.find(ws.store, ref)
    notes.say(ws.store, subject.kind, subject.ref, "comment", [text])
    user = who()
    said = [one for one in _comments(ws, subject) if (one.kind, one.ref) == (subject.kind, subject.ref)]
    return [one for one in said if (one.user, one.host) == user and one.text == text][-1]


@action("comment ls", writes=False)
def comment_ls(ws: Workspace, ref: Ref) -> list[Said]:
    """List the comments on a record, the oldest first.

    With those on what it is part of (the dataset or model of a version, the experiment of a run) and, of a whole
    dataset or model, with those on its versions.
    """
    return _comments(ws, subjects.find(ws.store, ref))


@action("tag")
def tag(
    ws: Workspace,
    ref: Ref,
    tags: Annotated[list[str], Arg(help="+TAG sets one, -TAG takes it away", signed=True)],
) -> Tagged:
    """Set tags on any record, or take them away: cupola tag churn@3 +good -draft.

    A version also has the tags of its dataset or model; those in dataset.toml are the ones of `dataset set --tag`.
    """
    if not tags:
        raise BadOption("tag takes +TAG or -TAG", hint="`cupola tag ls` shows the tags")
    if len(tags) > MOST_TAGS:
        raise BadOption(f"at most {MOST_TAGS} tags at a time, not {len(tags)}")
    gone = [notes.check_tag(one[1:]) for one in tags if one.startswith("-")]
    wanted = [notes.check_tag(one.removeprefix("+")) for one in tags if not one.startswith("-")]
    if both := sorted(set(gone) & set(wanted)):
        raise BadOption(f"{both[0]!r} is to be set and to be taken away")
    subject = subjects.find(ws.store, ref)
    name = f"{subject.kind} {subject.name}"
    notes.retag(ws.store, name, subject.kind, subject.ref, subject.tags, wanted, gone)
    return _tags(ws, subject)


@action("tag ls", writes=False)
def tag_ls(
    ws: Workspace, ref: Annotated[str | None, Arg(help="only of this record", completes="record")] = None
) -> list[Tagged]:
    """List the tags that people have set, by record; or those of one record."""
    if ref is not None:
        return [_tags(ws, subjects.find(ws.store, ref))]
    found = []
    for kind in notes.COLLECTIONS:
        said = notes.entries(ws.store, kind)
        tagged = {str(one.get("ref")): notes.Notes() for one in said}
        notes.replay(said, tagged)
        found += [Tagged(kind=kind, ref=one, tags=tagged[one].tags) for one in sorted(tagged) if tagged[one].tags]
    return found


@action("activity", writes=False)
def activity_(
    ws: Workspace,
    ref: Annotated[
        str | None, Arg(help="only on this record, or all versions of this dataset or model", completes="record")
    ] = None,
    *,
    filter: Annotated[
        str | None, Arg(help="only those: 'verb = registered and time > 2026-11'", completes="activity filter")
    ] = None,
    user: Annotated[str | None, Arg(help="only what this user did")] = None,
    mentions: Annotated[bool, Arg(help="only comments that name you as @user")] = False,
    limit: Annotated[int, Arg(help="at most so many, the newest")] = 50,
) -> list[Act]:
    """Show who did what and when, the newest first."""
    if limit < 1:
        raise BadOption(f"--limit takes a number from 1 on, not {limit}")
    if user is not None:
        check_name(user, "name of a user")
    me, mark = who()[0], unread.marker(ws.store)
    acts = (mark(one) for one in activity.newest(ws.store, ref))
    found = (one for one in acts if (user is None or one.user == user) and (not mentions or me in one.mentions))
    return evaluating.chosen(list(found), filter, None, limit) if filter else list(islice(found, limit))


@action("activity read", writes=False)
def activity_read(
    ws: Workspace,
    ref: Annotated[str | None, Arg(help="only those on this record", completes="record")] = None,
) -> Read:
    """Mark the comments that name you as read: they are not new any more, for you on this host.

    With a record only those on it, on its versions or on what it is part of, as `comment ls` lists them.
    """
    new = unread.comments(ws.store)
    around = _around(subjects.find(ws.store, ref)) if ref is not None else lambda kind, of: True
    chosen = [one for one in new if around(one.kind, one.ref)]
    if chosen:
        unread.forget(ws.store, chosen)
    return Read(read=len(chosen), unread=len(new) - len(chosen))


@action("who", writes=False)
def who_(ws: Workspace) -> list[Present]:
    """Show who has the app open on this workspace, on which host, and what they look at."""
    return presence.here(ws.store)


@action("access", writes=False)
def access_(ws: Workspace) -> Access:
    """Show who may do what here: owner, group and modes of the files, and the roles in workspace.toml."""
    return access.of(ws.store, ws.settings)


def _comments(ws: Workspace, subject: subjects.Subject) -> list[Said]:
    concerns = _around(subject)
    found = []
    for kind in dict.fromkeys([subject.kind, *(subject.above or ())[:1]]):
        for entry in notes.entries(ws.store, kind):
            ref = str(entry.get("ref"))
            if entry.get("op") == "comment" and concerns(kind, ref):
                one = notes.comment(entry)
                said = {"user": one.user, "host": one.host, "time": one.time, "text": one.text}
                found.append(Said(kind=kind, ref=ref, mentions=notes.mentions(one.text), **said))
    # The fold has put those of one kind in order; a run's and its experiment's are told apart by their times alone.
    return found if len({one.kind for one in found}) < 2 else sorted(found, key=lambda one: one.time)


def _around(subject: subjects.Subject) -> Callable[[str, str], bool]:
    """Whether what was said of the record `ref` of a kind concerns this one."""

    def concerns(kind: str, ref: str) -> bool:
        if (kind, ref) in ((subject.kind, subject.ref), subject.above):
            return True
        return kind == subject.kind and kind in ("dataset", "model") and ref.startswith(f"{subject.ref}@")

    return concerns


def _tags(ws: Workspace, subject: subjects.Subject) -> Tagged:
    found = notes.of(ws.store, subject.kind, subject.ref, subject.tags)
    return Tagged(kind=subject.kind, ref=subject.ref, tags=found.tags)
