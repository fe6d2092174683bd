"""Which way a metric is better, by its name."""

SMALLER_IS_BETTER = (
    "log_loss", "brier", "rmse", "mse", "mae", "median_absolute_error", "mape", "mase", "wape", "pinball_loss", "loss",
    "error", "perplexity",
)  # fmt: skip


def smaller_is_better(metric: str) -> bool:
    """Of a metric with or without the part of the rows in front ("validation_rmse"); of an unknown one it is not."""
    return metric in SMALLER_IS_BETTER or metric.partition("_")[2] in SMALLER_IS_BETTER
