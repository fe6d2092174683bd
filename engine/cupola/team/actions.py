"""What the members of a team can do: say something about a record, tag it, see who did what and who is here."""

from typing import Annotated

import msgspec

from cupola.actions import Arg, action
from cupola.errors import BadOption
from cupola.store.names import check_name, who
from cupola.team import access, activity, notes, presence, subjects
from cupola.team.access import Access
from cupola.team.deeds import Act
from cupola.team.presence import Present
from cupola.workspace import Workspace

Ref = Annotated[
    str, Arg(help="any record: a run, job, dataset, model or endpoint; model:churn if unclear", completes="record")
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


class Tagged(msgspec.Struct, kw_only=True):
    """The tags of a record."""

    kind: str
    ref: str
    tags: list[str]


@action("comment")
def comment(ws: Workspace, ref: Ref, text: Annotated[str, Arg(help="what there is to say; @user names one")]) -> Said:
    """Write a comment on any record, with your name and the time.

    Whoever is named as @user finds it with `cupola activity --mentions`.
    """
    notes.check_comment(text)
    subject = subjects.find(ws.store, ref)
    notes.say(ws.store, subject.kind, subject.ref, "comment", [text])
    user = who()
    mine = [one for one in _comments(ws, subject) if (one.user, one.host) == user and one.text == text]
    return mine[-1]


@action("comment ls", writes=False)
def comment_ls(ws: Workspace, ref: Ref) -> list[Said]:
    """List the comments on a record, the oldest first."""
    return _comments(ws, subjects.find(ws.store, ref))


@action("tag")
def tag(
    ws: Workspace,
    ref: Ref,
    tags: Annotated[list[str], Arg(help="+TAG sets one, -TAG takes it away", signed=True)],
) -> Tagged:
    """Set tags on any record, or take them away: cupola tag churn@3 +good -draft.

    A version of a dataset also shows the tags of its dataset, which `dataset set --tag` changes.
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
    has = _tags(ws, subject).tags
    for one in gone:
        if one not in has:
            raise BadOption(f"{subject.kind} {subject.name} has no tag {one!r}", hint=f"it has: {', '.join(has)}")
    for op, said in (("untag", gone), ("tag", [one for one in wanted if one not in has])):
        if said:
            notes.say(ws.store, subject.kind, subject.ref, op, list(dict.fromkeys(said)))
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
    user: Annotated[str | None, Arg(help="only what this user did")] = None,
    mentions: Annotated[bool, Arg(help="only comments that name you as @user")] = False,
    limit: Annotated[int, Arg(help="at most so many, the newest")] = 50,
) -> list[Act]:
    """Show who did what and when, the newest first."""
    if limit < 1:
        raise BadOption(f"--limit takes a number from 1 on, not {limit}")
    if user is not None:
        check_name(user, "name of a user")
    me = who()[0]
    found = activity.ls(ws.store, ref)
    if user is not None:
        found = [one for one in found if one.user == user]
    if mentions:
        found = [one for one in found if one.verb == "commented" and me in notes.mentions(one.text)]
    return found[:limit]


@action("who", writes=False)
def who_(ws: Workspace) -> list[Present]:
    """Show who has the app open on this workspace, on which host, and what they look at."""
    return presence.here(ws.store)


@action("access", writes=False)
def access_(ws: Workspace) -> Access:
    """Show who may do what here: owner, group and modes of the files, and the roles in workspace.toml."""
    return access.of(ws.store, ws.settings)


def _comments(ws: Workspace, subject: subjects.Subject) -> list[Said]:
    said = notes.of(ws.store, subject.kind, subject.ref).comments
    return [
        Said(
            kind=subject.kind, ref=subject.ref, user=one.user, host=one.host, time=one.time, text=one.text,
            mentions=notes.mentions(one.text),
        )
        for one in said
    ]  # fmt: skip


def _tags(ws: Workspace, subject: subjects.Subject) -> Tagged:
    found = notes.of(ws.store, subject.kind, subject.ref, subject.tags)
    return Tagged(kind=subject.kind, ref=subject.ref, tags=found.tags)
