"""Which of several runs is served."""

import cupola


def best(trained: list[str], tuned: str) -> dict[str, object]:
    """The run that is best on the validation rows, with what it reaches on the test rows."""
    workspace = cupola.open(".")
    runs = [workspace.run.show(run) for run in [*trained, tuned]]
    chosen = max(runs, key=lambda run: run.metrics["validation_roc_auc"])
    for run in runs:
        print(f"{run.estimator} {run.params}: {run.metrics['validation_roc_auc']:.4f}")
    return {"run": chosen.id, "estimator": chosen.estimator, "metrics": chosen.metrics}
