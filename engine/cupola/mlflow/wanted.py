"""What MLflow's clients ask of runs, as the protocol has it."""

import msgspec

from cupola.mlflow import live, naming
from cupola.mlflow.live import Line
from cupola.mlflow.wire import Json, Pair, Trouble, Whole, number, required


class Create(msgspec.Struct):
    experiment_id: str = naming.DEFAULT_ID
    user_id: str = ""
    run_name: str = ""
    start_time: Whole | None = None
    tags: list[Pair] = []


class Value(msgspec.Struct):
    """A value of a metric as it is logged."""

    key: str = ""
    value: float | str | None = None
    timestamp: Whole = 0
    step: Whole = 0
    model_id: str = ""
    dataset_name: str = ""
    dataset_digest: str = ""

    @property
    def line(self) -> Line:
        """The line that it becomes. Raises Trouble."""
        naming.check_key(self.key, "name")
        if self.timestamp < 0:
            raise Trouble(f"Invalid value {self.timestamp} for parameter 'timestamp' supplied: it is nonnegative")
        return live.value(
            self.key, number(self.value), self.timestamp, self.step,
            model=self.model_id, dataset=self.dataset_name, digest=self.dataset_digest,
        )  # fmt: skip


class OfRun(msgspec.Struct):
    run_id: str = ""
    run_uuid: str = ""

    @property
    def run(self) -> str:
        return required("run_id", self.run_id or self.run_uuid)


class Update(OfRun):
    status: str = ""
    end_time: Whole | None = None
    run_name: str = ""


class LogMetric(Value):
    run_id: str = ""
    run_uuid: str = ""


class Keyed(OfRun):
    key: str = ""
    value: str = ""


class Batch(OfRun):
    metrics: list[Value] = []
    params: list[Pair] = []
    tags: list[Pair] = []


class Linked(OfRun):
    datasets: list[Json] = []
    models: list[Json] = []


class LogModel(OfRun):
    model_json: str = ""


class Historic(OfRun):
    metric_key: str = ""
    max_results: int | None = None
    page_token: str = ""


class Search(msgspec.Struct):
    experiment_ids: list[str] = []
    filter: str = ""
    run_view_type: str = "ACTIVE_ONLY"
    max_results: int | None = None
    order_by: list[str] = []
    page_token: str = ""
