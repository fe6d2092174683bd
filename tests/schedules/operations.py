"""What the tests let a child do with schedules: fire one at a moment of their choice, with no agent behind it."""

import time

from cupola.jobs import agents
from cupola.schedules import actions, firing  # noqa: F401 - once, and not in each child


def fire(root: str, name: str, moment: float) -> None:
    agents.ensure = lambda: None
    agents.tell = lambda root, job: None
    time.time = lambda: moment
    firing.main([root, name])
