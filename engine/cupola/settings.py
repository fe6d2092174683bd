"""workspace.toml as a record; below the workspace itself, which knows who has done what in it."""

from typing import Annotated, Literal

import msgspec

from cupola.store.records import Record


class Slots(msgspec.Struct, kw_only=True):
    """What the jobs of one host may use together; None is all that the host has."""

    cpus: int | None = None
    memory: str | None = None
    gpus: int | None = None


class Jobs(msgspec.Struct, kw_only=True):
    """How jobs are run here. full_disk: whether they wait on a full disk until there is room, or fail."""

    full_disk: Literal["wait", "fail"] = "wait"


class Pipelines(msgspec.Struct, kw_only=True):
    """What stays of pipelines. keep: so many executions of each that are over; None for all."""

    keep: Annotated[int, msgspec.Meta(ge=1)] | None = None


class Settings(Record, kw_only=True):
    """workspace.toml: what holds for all who work here. id: the same in all copies of a workspace."""

    name: str = ""
    id: str = ""
    description: str = ""
    deployments_need_approval: bool = False
    slots: Slots = msgspec.field(default_factory=Slots)
    jobs: Jobs = msgspec.field(default_factory=Jobs)
    pipelines: Pipelines = msgspec.field(default_factory=Pipelines)
    roles: dict[str, str] = msgspec.field(default_factory=dict)
