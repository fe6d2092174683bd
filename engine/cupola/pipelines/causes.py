"""Why a step may be tried again: the causes of ends, and what the hosted service calls them."""

from cupola.errors import meant
from cupola.pipelines.records import Retry, Step, StepState

# Why a job has ended, in all words that a retry may name.
CAUSES = {
    "lost": ["lost", "SageMaker.JOB_INTERNAL_ERROR", "Step.SERVICE_FAULT"],
    "interrupted": ["interrupted", "SageMaker.JOB_INTERNAL_ERROR", "Step.SERVICE_FAULT"],
    "signal": ["signal", "SageMaker.JOB_INTERNAL_ERROR"],
    "start": ["start", "SageMaker.JOB_INTERNAL_ERROR", "Step.SERVICE_FAULT"],
    "memory": ["memory", "SageMaker.RESOURCE_LIMIT", "SageMaker.CAPACITY_ERROR"],
    "disk": ["disk", "SageMaker.CAPACITY_ERROR"],
    "runtime": ["timeout"],
    "exit": ["exit"],
}
KNOWN = list(
    dict.fromkeys([*(one for each in CAUSES.values() for one in each), "violations", "Refused", "Step.THROTTLING"])
)


def pause(step: Step, state: StepState, causes: list[str]) -> float | None:
    """Seconds until a step that has ended so is tried again; None where it is not. A ForEach has its steps for that."""
    again = next((one for one in step.retry if not one.causes or {*one.causes} & {*causes}), None)
    tries = state.attempt - state.interruptions - state.earlier
    if again is None or tries >= again.attempts or step.type == "ForEach":
        return None
    return again.interval * again.backoff ** (tries - 1)


def wrong(retry: Retry) -> str:
    """What is wrong with a retry as it is written; "" where nothing is. The name of any exception is a cause."""
    if retry.attempts < 1 or retry.interval < 0 or retry.backoff < 0:
        return "attempts is 1 or more (the first counts), interval and backoff are 0 or more"
    for cause in retry.causes:
        if cause not in KNOWN and not (cause.isidentifier() and cause != cause.lower()):
            hint = meant(cause, KNOWN, f"there are {', '.join(KNOWN)}, and names of exceptions")
            return f"there is no cause {cause!r} ({hint})"
    return ""
