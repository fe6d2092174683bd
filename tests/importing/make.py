"""Makes what lies in `kept/`, by the real tools: `python make.py DIRECTORY [wandb|tensorboard|optuna|old]`."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

QUIET = {
    "WANDB_MODE": "offline", "WANDB_SILENT": "true", "WANDB_CONSOLE": "off", "WANDB_DISABLE_GIT": "true",
    "WANDB_X_DISABLE_STATS": "true", "WANDB_X_DISABLE_MACHINE_INFO": "true", "WANDB_DISABLE_CODE": "true",
    "WANDB_HOST": "host", "WANDB_USERNAME": "ana",
}  # fmt: skip


def wandb_runs(root: Path) -> None:
    """Each run in a process of its own, as scripts have them; one of them is killed, one goes on with another."""
    for what in ("good", "failed", "killed", "begun", "resumed"):
        code = subprocess.run(
            [sys.executable, __file__, str(root), f"wandb-{what}"], env={**os.environ, **QUIET}, check=False
        )
        assert code.returncode == {"failed": 3, "killed": 9}.get(what, 0), (what, code)
    for link in [*root.glob("wandb/debug*"), *root.glob("wandb/latest-run")]:
        link.unlink()
    for left in [*root.glob("wandb/*/logs"), *root.glob("wandb/*/tmp"), *root.glob("wandb/*/files/requirements.txt")]:
        shutil.rmtree(left) if left.is_dir() else left.unlink()


def wandb_run(root: Path, what: str) -> None:
    import wandb

    os.chdir(root)
    told: dict[str, Any] = {"project": "fares", "entity": "team", "dir": str(root)}
    if what == "good":
        run = wandb.init(
            **told, id="abcd1234", name="first good one", group="night", job_type="train", tags=["base", "v2"],
            notes="the seed was lucky",
            config={"lr": 0.1, "layers": [64, 32], "optimizer": {"name": "adam", "eps": 1e-8}, "none": None},
        )  # fmt: skip
        run.define_metric("accuracy", summary="max")
        for step in range(5):
            run.log({"loss": 1 / (step + 1), "accuracy": [0.5, 0.9, 0.7, 0.8, 0.6][step], "lr/group0": 0.1})
        run.log({"loss": float("nan"), "validation": {"f1": 0.5, "by": {"class": 2}}}, step=7)
        run.log({"loss": float("inf"), "word": "some text", "flag": True, "many": [1, 2, 3]}, step=9)
        run.log({"table": wandb.Table(columns=["a"], data=[[1], [2]])}, step=10)
        run.log({"loss": -float("inf"), "count": 2**60})
        run.summary["best"] = 0.25
        (root / "weights.bin").write_bytes(b"w" * 100)
        run.log_artifact(str(root / "weights.bin"), name="weights", type="model")
        run.finish()
        (root / "weights.bin").unlink()
    elif what == "failed":
        run = wandb.init(**told, id="failed01", config={"lr": 10})
        run.log({"loss": 3.0})
        run.finish(exit_code=1)
        sys.exit(3)
    elif what == "killed":
        run = wandb.init(**told, id="killed01")
        [kept] = Path(run.dir).parent.glob("*.wandb")
        while kept.stat().st_size < 1 << 14:  # its writer waits for more before it writes
            run.log({"loss": 1.0, "words": "of a run that is killed " * 20})
        for child in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split():
            os.kill(int(child), signal.SIGKILL)
        os._exit(9)
    else:
        run = wandb.init(**told, id="resumed1", resume="allow", config={"part": what})
        first = 0 if what == "begun" else 3
        for step in range(first, first + 3):
            run.log({"loss": 10.0 - step}, step=step)
        run.finish()


def tensorboard_runs(root: Path) -> None:
    import numpy as np
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.plugins.hparams.summary_v2 import hparams_pb
    from tensorboard.plugins.scalar.summary_v2 import scalar_pb
    from tensorboard.summary.writer.event_file_writer import EventFileWriter
    from tensorboardX import SummaryWriter

    writer = SummaryWriter(str(root / "logs" / "train"))
    for step in range(50):
        writer.add_scalar("loss", 1 / (step + 1), step, walltime=1_764_000_000.25 + step)
    writer.add_scalar("loss", 0.5, 10, walltime=1_764_000_100.0)  # goes back
    writer.add_scalar("loss", float("nan"), 11, walltime=1_764_000_101.0)
    writer.add_scalar("loss", float("inf"), 12, walltime=1_764_000_102.0)
    writer.add_histogram("weights", np.arange(10.0), 0)
    writer.add_image("picture", np.zeros((3, 2, 2), dtype=np.uint8), 0)
    writer.add_text("words", "# some text", 0)
    writer.close()

    tuned = SummaryWriter(str(root / "logs" / "tuned"))
    tuned.add_hparams(
        {"lr": 0.1, "batch": 32, "name": "adam", "nesterov": True}, {"hparam/accuracy": 0.75}, name="first"
    )
    tuned.close()

    second = EventFileWriter(str(root / "logs" / "keras" / "validation"))
    for summary, step in (
        (hparams_pb({"units": 16.0, "activation": "relu", "bias": False}), 0),
        *((scalar_pb("epoch_loss", 1 - step / 10), step) for step in range(10)),
    ):
        second.add_event(Event(wall_time=1_764_000_000 + step, step=step, summary=summary))
    second.close()


def optuna_studies(root: Path) -> None:
    import optuna
    from optuna.storages import JournalStorage, RDBStorage
    from optuna.storages.journal import JournalFileBackend

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    (root / "studies.log").unlink(missing_ok=True)
    (root / "studies.db").unlink(missing_ok=True)
    journal = JournalStorage(JournalFileBackend(str(root / "studies.log")))
    for storage in (journal, RDBStorage(f"sqlite:///{root}/studies.db")):
        one = optuna.create_study(
            study_name="depth of trees", storage=storage, direction="maximize",
            sampler=optuna.samplers.RandomSampler(seed=1), pruner=optuna.pruners.MedianPruner(n_startup_trials=3),
        )  # fmt: skip
        one.set_user_attr("owner", {"name": "ana", "since": 2026})
        one.set_metric_names(["f1"])
        one.enqueue_trial({"depth": 3, "rate": 0.5, "kind": "linear", "slope": 2.0})
        one.optimize(_objective, n_trials=20, catch=(RuntimeError,))
        one.enqueue_trial({"depth": 4})
        one.ask({"depth": optuna.distributions.IntDistribution(1, 16, log=True)})
        one.enqueue_trial({"depth": 5})
        two = optuna.create_study(study_name="front", storage=storage, directions=["minimize", "maximize"])
        two.optimize(lambda trial: (trial.suggest_float("x", 0, 5) ** 2, trial.suggest_float("y", -1, 1)), n_trials=6)
        optuna.create_study(study_name="empty", storage=storage)


def old_study(root: Path) -> None:
    """A database as Optuna 2.10 made it: by an interpreter that has that."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    (root / "old.db").unlink(missing_ok=True)
    study = optuna.create_study(
        study_name="old", storage=f"sqlite:///{root}/old.db", direction="maximize",
        sampler=optuna.samplers.RandomSampler(seed=1),
    )  # fmt: skip
    study.optimize(_old_objective, n_trials=8)


def _old_objective(trial: Any) -> float:
    x = trial.suggest_uniform("x", 0, 1)
    trial.suggest_categorical("kind", ["a", None])
    trial.suggest_int("n", 1, 10)
    trial.suggest_loguniform("rate", 1e-4, 1)
    trial.set_user_attr("note", {"a": 1})
    trial.report(x / 2, 0)
    return float(x)


def _objective(trial: Any) -> float:
    import optuna

    depth = trial.suggest_int("depth", 1, 16, log=True)
    rate = trial.suggest_float("rate", 0.1, 1.0, step=0.1)
    kind = trial.suggest_categorical("kind", ["linear", None, True, 3])
    if kind == "linear":
        trial.suggest_float("slope", 1e-3, 10, log=True)
    trial.set_user_attr("note", f"trial ä {trial.number}")
    if trial.number == 5:
        raise RuntimeError("it fails")
    for step in range(3):
        trial.report([rate * step, float("inf"), float("nan")][step] if trial.number == 7 else rate * step, step)
        if trial.should_prune():
            raise optuna.TrialPruned
    return depth * rate


if __name__ == "__main__":
    here, wanted = Path(sys.argv[1]).resolve(), sys.argv[2:]
    here.mkdir(parents=True, exist_ok=True)
    if wanted and wanted[0].startswith("wandb-"):
        wandb_run(here, wanted[0].removeprefix("wandb-"))
        sys.exit()
    for name, make in (("wandb", wandb_runs), ("tensorboard", tensorboard_runs), ("optuna", optuna_studies)):
        if not wanted or name in wanted:
            make(here)
    if "old" in wanted:
        old_study(here)
