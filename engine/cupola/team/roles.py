"""Roles as workspace.toml gives them: who may look, who may change, who may approve.

They keep honest people from mistakes, in every door that goes through `actions.run`. They are no lock: who may write
the files may write them with an editor too. What holds are Unix owners and modes, and signatures (a job runs only when
its own user has signed it, a pickle loads only when this user trusts it).
"""

from typing import TYPE_CHECKING

from cupola.errors import Refused

if TYPE_CHECKING:
    from cupola.actions import Action
    from cupola.settings import Settings

VIEWER, MEMBER, APPROVER = "viewer", "member", "approver"
ROLES = (VIEWER, MEMBER, APPROVER)
GUIDANCE = "roles are guidance that Cupola keeps; what holds are the Unix modes of the files, and signatures"


def of(settings: "Settings", user: str) -> str:
    """The role of a user; without one they are a member. Raises Refused for a word that is no role."""
    role = settings.roles.get(user, MEMBER)
    if role not in ROLES:
        why = f"workspace.toml gives {user} the role {role!a}, which does not exist"
        raise Refused(why, where="workspace.toml", hint=f"under [roles] write {', '.join(ROLES)}")
    return role


def check(settings: "Settings", action: "Action", user: str) -> None:
    """Raises Refused where the user's role does not allow an action that writes."""
    require(settings, action.name, _needed(settings, action), user)


def require(settings: "Settings", what: str, needed: str, user: str) -> None:
    """Raises Refused where `what` needs more than the user's role."""
    role = of(settings, user) if settings.roles else needed
    if ROLES.index(role) < ROLES.index(needed):
        article = "an" if needed == APPROVER else "a"
        why = f"{what} needs {article} {needed}, and workspace.toml makes {user} a {role}"
        raise Refused(why, hint=f"{GUIDANCE}; `cupola access` shows who is what")


def _needed(settings: "Settings", action: "Action") -> str:
    """Whoever may approve also decides what is served, where a deployment needs an approval."""
    if action.role == "deployer":
        return APPROVER if settings.deployments_need_approval else MEMBER
    return action.role
