"""What `train` and `tune` are both told: the data, what is learned from it, how it is split, and where it runs."""

from typing import Annotated

from cupola.actions import Arg

Dataset = Annotated[str, Arg(help="the dataset: flights, flights@2", completes="dataset")]
Target = Annotated[
    str | None,
    Arg(help="the column to learn, or to compare clusters with (default: the dataset's)", completes="target"),
]
Estimator = Annotated[
    str, Arg(help="its name, as in Ridge, KMeans, IsolationForest; mymodel:Model is one of src/", completes="estimator")
]
Flow = Annotated[
    str | None,
    Arg(
        help="a flow that prepares the rows first; it is fitted on those that train, and is part of the model",
        completes="flow",
    ),
]
Exclude = Annotated[list[str] | None, Arg(help="a column not to learn from", completes="feature")]
Split = Annotated[str | None, Arg(help="random, stratified, time or group, and train/validation/test: time:70/15/15")]
Folds = Annotated[int | None, Arg(help="so many folds instead of a validation part; the test rows stay apart")]
Weights = Annotated[str | None, Arg(help="a column with the weight of each row", completes="column")]
Group = Annotated[str | None, Arg(help="a column whose values are never split", completes="column")]
Time = Annotated[str | None, Arg(help="a column to split by: the newest rows test", completes="column")]
Seed = Annotated[int, Arg(help="the seed of everything that is drawn")]
Host = Annotated[str | None, Arg(help="run it on this host only, not on any of yours that can")]
