"""All that MLflow's API does on one workspace, put together."""

from typing import NamedTuple

from cupola.mlflow.artifacts import Artifacts
from cupola.mlflow.experiments import Experiments
from cupola.mlflow.logged import LoggedModels
from cupola.mlflow.registered import Registered
from cupola.mlflow.runs import Runs
from cupola.store import Store


class Services(NamedTuple):
    """What does the requests, by what they are about."""

    experiments: Experiments
    runs: Runs
    logged: LoggedModels
    artifacts: Artifacts
    registered: Registered


def services(store: Store) -> Services:
    experiments = Experiments(store)
    runs = Runs(store, experiments)
    logged = LoggedModels(store, runs)
    artifacts = Artifacts(store, runs, logged)
    return Services(experiments, runs, logged, artifacts, Registered(store, runs, logged, artifacts))
