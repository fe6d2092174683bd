"""Optuna's samplers and pruners, by the strategies of a tuning."""

import warnings

import optuna
from optuna.pruners import BasePruner, HyperbandPruner, MedianPruner, NopPruner, SuccessiveHalvingPruner
from optuna.samplers import BaseSampler, BruteForceSampler, GPSampler, RandomSampler, TPESampler

from cupola.training.stepping import POINTS
from cupola.tuning.records import Tuning


def sampler(tuning: Tuning, seed: int) -> BaseSampler:
    """What draws the parameters of a trial."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        if tuning.strategy == "Random":
            return RandomSampler(seed=seed)
        if tuning.strategy == "Grid":  # each once, whatever depends on what
            return BruteForceSampler(seed=seed)
        if tuning.strategy == "GP":
            return GPSampler(seed=seed)
        # Trials that run elsewhere count as bad ones: several workers would else draw the same.
        return TPESampler(seed=seed, constant_liar=tuning.parallel > 1)


def pruner(tuning: Tuning) -> BasePruner:
    """What stops a trial early. Its steps are the looks at a fit, or the folds."""
    looks = tuning.training["split"].get("folds") or POINTS
    if tuning.strategy == "Hyperband":
        return HyperbandPruner(min_resource=1, max_resource=looks, reduction_factor=3)
    if tuning.strategy == "SuccessiveHalving":
        return SuccessiveHalvingPruner(min_resource=1, reduction_factor=3)
    return MedianPruner(n_startup_trials=5, n_warmup_steps=1) if tuning.early_stopping else NopPruner()
