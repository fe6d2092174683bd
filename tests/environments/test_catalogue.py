import subprocess
import sys
from pathlib import Path

import pytest
from sklearn.utils import all_estimators

from cupola.environments import catalogue
from cupola.errors import BadOption


@pytest.fixture(autouse=True)
def _known(known: Path) -> None:
    pass


def test_every_estimator_of_rows_that_scikit_learn_has_is_there() -> None:
    known = catalogue.load()
    for kind, ours in (("classifier", "classifier"), ("regressor", "regressor"), ("cluster", "clusterer")):
        assert {name for name, _ in all_estimators(type_filter=kind)} <= {
            name for name, one in known.items() if one.kind == ours
        }
    assert {name for name, one in known.items() if one.kind == "detector"} == {
        "EllipticEnvelope", "IsolationForest", "LocalOutlierFactor", "OneClassSVM", "SGDOneClassSVM",
    }  # fmt: skip
    assert {"GaussianMixture", "BayesianGaussianMixture"} <= set(known)
    assert "KernelDensity" not in known and "PCA" not in known


def test_it_knows_what_an_estimator_can_do() -> None:
    boosted = catalogue.find("HistGradientBoostingClassifier")
    assert (boosted.kind, boosted.probabilities, boosted.weights, boosted.categorical) == (
        "classifier",
        True,
        True,
        True,
    )
    assert not catalogue.find("LinearSVC").probabilities
    assert catalogue.find("RandomForestRegressor").step == "n_estimators"
    assert catalogue.find("MultinomialNB").positive
    assert not catalogue.find("KNeighborsClassifier").weights


def test_parameters_have_what_a_form_needs() -> None:
    rate = catalogue.find("GradientBoostingRegressor").parameters["learning_rate"]
    assert (rate.default, rate.shown, rate.required) == (0.1, "0.1", False)
    assert rate.constraints[0].kind == "number"
    assert rate.constraints[0].low == 0
    assert rate.help.startswith("Learning rate")
    assert catalogue.find("OneVsRestClassifier").parameters["estimator"].required


def test_what_cannot_be_trained_by_its_name_says_why() -> None:
    assert "clusters of columns" in catalogue.find("FeatureAgglomeration").refused
    assert "several targets" in catalogue.find("MultiTaskLasso").refused
    assert not catalogue.find("AdaBoostClassifier").refused


def test_a_name_that_is_nearly_right_is_answered_with_the_right_one() -> None:
    with pytest.raises(BadOption, match="did you mean RandomForestClassifier"):
        catalogue.find("RandomForestClassifer")


def test_a_missing_or_torn_catalogue_is_built_again(known: Path) -> None:
    known.write_bytes(b'{"format": 1')
    catalogue._read.cache_clear()
    assert "Ridge" in catalogue.load()
    assert known.stat().st_size > 10_000


def test_reading_it_imports_nothing_heavy() -> None:
    code = (
        "import sys\n"
        "from cupola.environments import catalogue, values\n"
        "values.check('Ridge', {'alpha': '2'})\n"
        "heavy = {'sklearn', 'numpy', 'pandas', 'scipy', 'joblib', 'pyarrow'} & set(sys.modules)\n"
        "sys.exit(', '.join(heavy) or None)"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
