"""Which step comes after which: what a step needs, what a Condition decides about, and what goes in a circle."""

from cupola.pipelines import conditions, references
from cupola.pipelines.records import Compared, Edge, Pipeline, Step, StepState


def needed(step: Step) -> list[str]:
    """The steps that have to be over before this one: named in depends_on, or referred to."""
    return list(dict.fromkeys([*step.depends_on, *references.steps_in(step.arguments)]))


def decided(pipeline: Pipeline) -> dict[str, list[tuple[str, bool]]]:
    """By step the Conditions that decide whether it is run, and what each has to say for that."""
    found: dict[str, list[tuple[str, bool]]] = {}
    for step in pipeline.steps:
        for branch, said in ((step.if_steps, True), (step.else_steps, False)):
            for name in branch:
                found.setdefault(name, []).append((step.name, said))
    return found


def before(pipeline: Pipeline) -> dict[str, list[str]]:
    """By step all that has to be over before it."""
    conditions = decided(pipeline)
    return {
        step.name: list(dict.fromkeys([*needed(step), *(one for one, _ in conditions.get(step.name, []))]))
        for step in pipeline.steps
    }


def is_skipped(step: Step, deciding: list[tuple[str, bool]], states: dict[str, StepState]) -> bool:
    """Whether no branch leads to a step, or something that it needs was itself skipped; all before it is over."""
    if deciding and not any(states[one].result is wanted for one, wanted in deciding):
        return True
    if any(states[one].status == "Skipped" for one in references.steps_in(step.arguments)):
        return True
    return bool(step.depends_on) and all(states[one].status == "Skipped" for one in step.depends_on)


def circle(pipeline: Pipeline) -> list[str]:
    """Steps that wait for one another, in order, the first again at the end; empty where there are none."""
    above = before(pipeline)
    done: set[str] = set()
    for start in above:
        path: list[str] = []
        waiting = [(start, iter(above[start]))] if start not in done else []
        path = [start] if waiting else []
        while waiting:
            name, rest = waiting[-1]
            following = next((one for one in rest if one in above and one not in done), None)
            if following is None:
                done.add(name)
                waiting.pop()
                path.pop()
            elif following in path:
                return [*path[path.index(following) :], following]
            else:
                waiting.append((following, iter(above[following])))
                path.append(following)
    return []


def edges(pipeline: Pipeline, states: dict[str, StepState]) -> list[Edge]:
    """What is drawn between the steps, with the values that Conditions have seen, and to what a ForEach has begun."""
    found = []
    conditions = decided(pipeline)
    for step in pipeline.steps:
        said = dict(conditions.get(step.name, []))
        for name in needed(step):
            if name not in said:
                found.append(Edge(source=name, target=step.name))
        for name, wanted in said.items():
            state = states.get(name)
            result = state.result if state else None
            text = told(state.values) if state and result is not None else ""
            branch, taken = "if" if wanted else "else", None if result is None else result == wanted
            found.append(Edge(source=name, target=step.name, branch=branch, text=text, taken=taken))
    inner = [name.partition("[")[0] for name in states]
    return [*found, *(Edge(source=of, target=name) for of, name in zip(inner, states, strict=True) if of != name)]


def told(values: list[Compared]) -> str:
    """What a Condition has compared, in a line: "0.71 ≥ 0.7"."""
    return ", ".join(map(conditions.told, values))
