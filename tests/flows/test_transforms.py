"""Each transform does what its name says, as pandas and scikit-learn do it, and learns from the training part."""

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn.decomposition import PCA
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import IterativeImputer
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, OrdinalEncoder, RobustScaler, StandardScaler
from tests.flows.cases import CASES
from tests.flows.conftest import QUOTED, ROWS, Made, people, step

from cupola.flows import fitting, learning
from cupola.flows.records import Flow
from cupola.flows.transforms.catalogue import TRANSFORMS

BEFORE = people().to_pandas()
CODE = BEFORE["code"]


def near(found: pd.Series, wanted: pd.Series) -> None:
    pd.testing.assert_series_equal(
        found.reset_index(drop=True), wanted.reset_index(drop=True), check_dtype=False, check_names=False, rtol=1e-9
    )


def test_there_is_a_case_for_each_transform() -> None:
    assert {name.partition(" ")[0] for name in CASES} == {*TRANSFORMS}


@pytest.mark.parametrize("method", ["mean", "median"])
def test_missing_numbers_are_filled_from_the_training_part(made: Made, method: str) -> None:
    found = made(step("fill-missing", columns=["age", "fare"], method=method)).frame
    train = BEFORE[found["split"] == "train"]
    near(found["fare"], BEFORE["fare"].fillna(getattr(train["fare"], method)()))
    assert abs(getattr(train["fare"], method)() - getattr(BEFORE["fare"], method)()) > 1e-9
    near(found["age"], BEFORE["age"].fillna(getattr(train["age"], method)()))


def test_missing_values_are_filled_with_the_mode_and_with_constants(made: Made) -> None:
    found = made(*CASES["fill-missing mode"]).frame
    assert set(found["port"][BEFORE["port"].isna()]) == {"Oslo"}
    found = made(*CASES["fill-missing constant"]).frame
    assert set(found["port"][BEFORE["port"].isna()]) == {"it's"}


def test_values_that_stand_for_none_become_missing(made: Made) -> None:
    found = made(*CASES["blank-values"]).frame
    assert found["port"].isna().tolist() == BEFORE["port"].isin(["Rio", None]).tolist()
    found = made(*CASES["blank-values numbers"]).frame
    near(found["age"], BEFORE["age"].where(~BEFORE["age"].isin([30, 31])))


def test_values_are_carried_forward_within_groups_and_backward(made: Made) -> None:
    found = made(*CASES["fill-forward"]).frame
    ordered = BEFORE.sort_values("seen", kind="stable")
    near(found["age"], ordered.groupby("group")["age"].ffill().sort_index())
    near(made(*CASES["fill-forward backward"]).frame["fare"], BEFORE["fare"].bfill())


def test_missing_values_get_what_their_group_has(made: Made) -> None:
    found = made(*CASES["impute"]).frame
    train = BEFORE[found["split"] == "train"]
    means = train.groupby("port")["fare"].mean()
    near(found["fare"], BEFORE["fare"].fillna(BEFORE["port"].map(means)).fillna(train["fare"].mean()))


def test_rows_and_columns_with_gaps_go(made: Made) -> None:
    assert len(made(*CASES["drop-missing"]).frame) == len(BEFORE.dropna(subset=["age", "fare"]))
    assert len(made(*CASES["drop-missing all"]).frame) == len(BEFORE.dropna(subset=["age", "fare"], how="all"))
    assert "empty" not in made(*CASES["drop-sparse-columns"]).frame
    found = made(*CASES["missing-indicator"]).frame
    assert found["age_missing"].tolist() == BEFORE["age"].isna().tolist()


def test_outliers_are_clipped_made_missing_or_removed(made: Made) -> None:
    found = made(*CASES["clip-outliers"]).frame
    train = BEFORE[found["split"] == "train"]["fare"]
    low, high = train.mean() - train.std(ddof=0), train.mean() + train.std(ddof=0)
    near(found["fare"], BEFORE["fare"].clip(low, high))
    found = made(*CASES["clip-outliers robust"]).frame
    train = BEFORE[found["split"] == "train"]["fare"]
    width = (train.quantile(0.75) - train.quantile(0.25)) / 1.3489795003921634
    near(found["fare"], BEFORE["fare"].where((BEFORE["fare"] - train.median()).abs() <= width))
    found = made(*CASES["clip-outliers tails"]).frame
    low, middle, high = BEFORE["fare"][found["split"] == "train"].quantile([0.05, 0.5, 0.95])
    near(found["fare"], BEFORE["fare"].clip(low - (middle - low) / 2, high + (high - middle) / 2))
    found = made(*CASES["remove-outliers min-max"]).frame
    assert found["id"].tolist() == BEFORE["id"][BEFORE["age"].isna() | BEFORE["age"].between(20, 70)].tolist()
    found = made(*CASES["remove-outliers"]).frame
    assert 150 < len(found) < ROWS


def test_rare_categories_become_one(made: Made) -> None:
    found = made(*CASES["replace-rare"]).frame
    train = BEFORE[found["split"] == "train"]["port"]
    kept = train.value_counts(normalize=True).loc[lambda share: share >= 0.15].index
    wanted = BEFORE["port"].where(BEFORE["port"].isna() | BEFORE["port"].isin(kept), "other")
    assert found["port"].where(found["port"].notna(), None).tolist() == wanted.where(wanted.notna(), None).tolist()


def test_categories_become_numbers(made: Made) -> None:
    found = made(*CASES["ordinal-encode"]).frame
    train = BEFORE[found["split"] == "train"]
    encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan).fit(train[["port", "age"]])
    wanted = encoder.transform(BEFORE[["port", "age"]])
    near(found["port"], pd.Series(wanted[:, 0]))
    near(found["age"], pd.Series(wanted[:, 1]))
    assert set(found["late"]) == {0, 1}


def test_one_hot_columns_are_named_by_their_values(made: Made) -> None:
    found = made(*CASES["one-hot-encode"]).frame
    assert {"port_Oslo", "port_Rio"} <= {*found.columns} and "port" not in found
    assert found["port_Oslo"].tolist() == (BEFORE["port"] == "Oslo").astype(int).tolist()


def test_similar_texts_have_similar_numbers(made: Made) -> None:
    found = made(*CASES["similarity-encode"]).frame
    columns = [one for one in found if one.startswith("name_")]
    assert len(columns) == 4
    for column in columns:
        same = BEFORE["name"].str.strip() == column.removeprefix("name_").strip()
        assert (found[column][same] == 1).all() and (found[column][~same] < 1).all()


def test_target_means_are_smoothed_and_no_training_row_sees_its_own_target(made: Made) -> None:
    result = made(step("target-encode", columns=["port"], smoothing=5.0))
    train = BEFORE[result.frame["split"] == "train"]
    prior = train["late"].mean()
    sums, counts = train.groupby("port")["late"].sum(), train.groupby("port")["late"].count()
    smooth = (sums + 5 * prior) / (counts + 5)
    test = result.frame["split"] != "train"
    near(result.frame["port"][test], BEFORE["port"][test].map(smooth).fillna(prior))
    oslo = result.frame["port"][~test & (BEFORE["port"] == "Oslo")]
    assert 2 <= oslo.nunique() <= 5 and not np.isclose(oslo, smooth["Oslo"]).all()


@pytest.mark.parametrize(
    ("method", "scaler"),
    [
        ("standard", StandardScaler()), ("robust", RobustScaler()), ("min-max", MinMaxScaler()),
        ("max-abs", MaxAbsScaler()),
    ],
)  # fmt: skip
def test_numbers_are_scaled_as_scikit_learn_scales_them(made: Made, method: str, scaler: StandardScaler) -> None:
    found = made(step("scale", columns=["age", "fare"], method=method)).frame
    scaler.fit(BEFORE[found["split"] == "train"][["age", "fare"]])
    wanted = scaler.transform(BEFORE[["age", "fare"]])
    near(found["age"], pd.Series(wanted[:, 0]))
    near(found["fare"], pd.Series(wanted[:, 1]))


def test_bins_have_as_many_training_rows_each_or_one_width(made: Made) -> None:
    result = made(*CASES["bin"])
    counts = result.train["fare"].value_counts()
    assert sorted(counts.index) == [0, 1, 2, 3] and counts.max() - counts.min() <= 1
    assert set(made(*CASES["bin uniform"]).frame["fare"].dropna()) <= {0, 1, 2, 3}


def test_words_weigh_as_in_scikit_learn(made: Made) -> None:
    found = made(*CASES["vectorize-text"]).frame
    train = BEFORE["name"][found["split"] == "train"]
    vectorizer = TfidfVectorizer().fit(train)
    words = [one.removeprefix("name_") for one in found if one.startswith("name_")]
    assert len(words) == 6
    whole = TfidfVectorizer(vocabulary=words).fit(train)
    wanted = whole.transform(BEFORE["name"]).toarray()
    assert {*words} <= {*vectorizer.get_feature_names_out()}
    np.testing.assert_allclose(found[[f"name_{one}" for one in words]].to_numpy(), wanted, rtol=1e-9)


def test_texts_are_counted_formatted_searched_and_split(made: Made) -> None:
    found = made(*CASES["text-statistics"]).frame
    assert found["name_characters"].tolist() == BEFORE["name"].str.len().tolist()
    assert found["name_capitals"][BEFORE["name"] == "ANN  ARBOUR!"].iloc[0] == 9
    assert found["name_words"].tolist() == BEFORE["name"].str.split().str.len().tolist()
    found = made(*CASES["format-string"]).frame
    assert {"Ann Arbor", "Zoë Quell", "Søren-7"} <= {*found["name"]}
    found = made(*CASES["format-string center"]).frame
    assert "***Zoë Quell***" in {*found["name"]}
    padded = {"left-pad": "**Zoë Quell", "right-pad": "Zoë Quell**", "prepend-zeros": "00Zoë Quell"}
    for operation, wanted in padded.items():
        found = made(step("format-string", columns=["name"], operation=operation, width=11, text="*")).frame
        assert {wanted, "ANN  ARBOUR!"} <= {*found["name"]}, operation
    assert made(*CASES["contains"]).frame["irish"].tolist() == (BEFORE["name"] == "O'Neil").tolist()
    found = made(*CASES["extract-pattern"]).frame
    assert found["letter"].tolist() == CODE.str[0].tolist()
    assert found["number"].tolist() == CODE.str.extract(r"[A-Z](\d+)")[0].tolist()
    found = made(*CASES["split-text"]).frame
    assert found["tags_2"][BEFORE["tags"] == "a|b|c"].eq("b|c").all() and "tags" not in found
    assert made(*CASES["find-replace"]).frame["name"][BEFORE["name"] == "O'Neil"].eq("O'N.").all()


def test_dates_have_parts_and_circles(made: Made) -> None:
    found = made(*CASES["date-parts"]).frame
    seen, born = pd.to_datetime(BEFORE["seen"]), pd.to_datetime(BEFORE["born"])
    assert found["seen_hour"].tolist() == seen.dt.hour.tolist() and "born_hour" not in found
    assert found["born_weekday"].tolist() == (born.dt.dayofweek + 1).tolist()
    assert found["seen_weekend"].tolist() == (seen.dt.dayofweek >= 5).tolist()
    assert found["seen_week"].tolist() == seen.dt.isocalendar().week.tolist()
    found = made(*CASES["date-parts cyclic"]).frame
    near(found["seen_hour_sin"], np.sin(2 * np.pi * seen.dt.hour / 24))
    assert "seen" not in found


def test_columns_are_dropped_kept_moved_renamed_copied_and_joined(made: Made) -> None:
    assert {"name", QUOTED}.isdisjoint(made(*CASES["drop-columns"]).frame.columns)
    assert [*made(*CASES["keep-columns"]).frame.columns] == ["late", "age"]
    assert made(*CASES["move-column"]).frame.columns[0] == "late"
    assert "plain" in made(*CASES["rename-column"]).frame and QUOTED not in made(*CASES["rename-column"]).frame
    near(made(*CASES["duplicate-column"]).frame["age again"], BEFORE["age"])
    found = made(*CASES["concatenate-columns"]).frame["where"]
    assert found[BEFORE["port"] == "Rio"].tolist() == ("Rio/" + CODE[BEFORE["port"] == "Rio"]).tolist()
    found = made(*CASES["assemble-vector"]).frame
    near(found["v_2"], BEFORE["fare"])
    near(made(*CASES["parse-type"]).frame[QUOTED], pd.to_numeric(BEFORE[QUOTED], errors="coerce"))


def test_rows_are_filtered_sorted_sampled_and_made_distinct(made: Made) -> None:
    wanted = ((BEFORE["age"] > 30) & (BEFORE["port"] == "Rio")) | BEFORE["name"].str.startswith("O'")
    assert made(*CASES["filter"]).frame["id"].tolist() == BEFORE["id"][wanted].tolist()
    found = made(*CASES["sort"]).frame
    assert found["port"].iloc[0] == "Łódź" and found["port"].isna().iloc[-1]
    found = made(*CASES["drop-duplicates"]).frame
    assert found["id"].tolist() == BEFORE.drop_duplicates(["port", "group"])["id"].tolist()
    pairs = step("keep-columns", columns=["port", "group", "split"])
    found = made(step("split"), pairs, step("drop-duplicates")).frame  # one row is in one part
    assert len(found) == len(BEFORE.drop_duplicates(["port", "group"]))
    found = made(*CASES["sample"]).frame
    assert len(found) == 50 and found["id"].is_monotonic_increasing
    assert made(*CASES["sample"], seed=1).frame["id"].tolist() != found["id"].tolist()
    found = made(*CASES["sample stratified"]).frame
    wanted = np.ceil(BEFORE["group"].value_counts() * 0.25)
    assert found["group"].value_counts().sort_index().tolist() == wanted.sort_index().tolist()
    assert made(*CASES["sample first"]).frame["id"].tolist() == [*range(7)]


def test_a_split_has_the_shares_that_it_is_asked_for(made: Made) -> None:
    found = made(step("split")).frame
    assert found["split"].value_counts().to_dict() == {"train": 120, "validation": 40, "test": 40}
    found = made(*CASES["split"]).frame
    shares = found[found["split"] == "train"].groupby("late").size() / found.groupby("late").size()
    assert ((shares - 0.7).abs() < 0.02).all()
    found = made(*CASES["split key"]).frame
    assert (found.groupby("group")["part"].nunique() == 1).all()
    found = made(*CASES["split ordered"]).frame
    assert found[found["split"] == "train"]["seen"].max() < found[found["split"] == "validation"]["seen"].min()


def test_balancing_changes_training_rows_only(made: Made) -> None:
    result = made(*CASES["balance"])
    assert result.train["late"].value_counts().nunique() == 1
    others = result.frame[result.frame["split"] != "train"]
    assert len(others) == 80 and others["id"].is_unique
    result = made(*CASES["balance undersample"])
    assert result.train["group"].value_counts().nunique() == 1 and result.train["id"].is_unique


def test_smote_makes_rows_between_neighbours(made: Made) -> None:
    result = made(*CASES["smote"])
    assert result.train["late"].value_counts().nunique() == 1
    fresh = result.frame.iloc[ROWS:]
    assert len(fresh) and fresh["split"].eq("train").all() and fresh["late"].nunique() == 1
    known = result.frame.iloc[:ROWS]
    assert fresh["fare"].between(known["fare"].min(), known["fare"].max()).all()
    assert not fresh["fare"].isin(known["fare"]).all()


def test_groups_have_aggregates_in_the_order_of_their_first_rows(made: Made) -> None:
    found = made(*CASES["group-by"]).frame
    groups = BEFORE.groupby(["port", "late"], sort=False, dropna=False)
    near(found["age_mean"], groups["age"].mean().reset_index(drop=True))
    near(found["fare_std"], groups["fare"].std().reset_index(drop=True))
    assert found["count"].tolist() == groups.size().tolist()
    assert found["name_last"].tolist() == groups["name"].last().tolist()


def test_a_join_keeps_the_order_of_the_left_and_gives_each_pair(made: Made) -> None:
    ports = pd.DataFrame({"port": ["Oslo", "Rio", "Rio", "Bern"], "country": ["NO", "BR", "Brasil", "CH"]})
    wanted = BEFORE.merge(ports, on="port", how="left")
    found = made(*CASES["join"]).frame
    assert found["id"].tolist() == wanted["id"].tolist()
    assert found["country"].fillna("").tolist() == wanted["country"].fillna("").tolist()
    outer = made(*CASES["join outer"]).frame
    assert len(outer) == len(wanted) + 1 and outer["port"].iloc[-1] == "Bern"


def test_inputs_are_put_below_each_other(made: Made) -> None:
    found = made(*CASES["concatenate"]).frame
    assert found["from"].tolist() == [1, 1, 1, 2, 2, 2, 2] and found["country"].isna().sum() == 3


def test_lists_and_objects_become_rows_and_columns(made: Made) -> None:
    found = made(*CASES["explode"]).frame
    wanted = BEFORE.assign(things=BEFORE["things"].map(__import__("json").loads)).explode("things")
    assert found["id"].tolist() == wanted["id"].tolist()
    assert found["things"].fillna("0").astype(int).tolist() == wanted["things"].fillna(0).tolist()
    assert made(*CASES["explode delimiter"]).frame["tags"].dropna().str.len().max() == 1
    found = made(*CASES["unnest"]).frame
    assert found["extra_n"].dtype == "int64" and found["extra_ok"].dtype == bool and found["extra_s"].eq("é").all()
    assert found["extra_x"].dtype == float and "extra" not in found


def test_series_look_back_roll_and_are_resampled(made: Made) -> None:
    ordered = BEFORE.sort_values("seen", kind="stable")
    groups = ordered.groupby("group")
    found = made(*CASES["lag"]).frame
    near(found["age_lag1"], groups["age"].shift(1).sort_index())
    near(found["age_lead2"], groups["age"].shift(-2).sort_index())
    found = made(*CASES["rolling"]).frame
    rolled = groups["fare"].rolling(3, min_periods=1).mean().droplevel(0).sort_index()
    near(found["fare_mean3"], rolled)
    near(made(*CASES["rolling before"]).frame["age_sum2"], BEFORE["age"].shift(1).rolling(2, min_periods=1).sum())
    found = made(*CASES["resample"]).frame
    daily = BEFORE.set_index("seen").groupby("group").resample("D")["fare"]
    near(found["fare_mean"], daily.mean().reset_index(drop=True))
    near(found["count"], daily.size().reset_index(drop=True))


def test_gaps_lie_on_straight_lines(made: Made) -> None:
    found = made(*CASES["interpolate"]).frame
    wanted = BEFORE.set_index("seen")["empty"].interpolate(method="time", limit_area="inside")
    near(found["empty"], wanted.reset_index(drop=True))


def test_formulas_sql_and_python(made: Made) -> None:
    near(made(*CASES["formula"]).frame["ratio"], BEFORE["fare"] / BEFORE["age"] * 2)
    found = made(*CASES["sql"]).frame
    assert [*found.columns] == ["port", "n", "avg(fare)"] and found["n"].is_monotonic_decreasing
    near(made(*CASES["python"]).frame["total"], BEFORE["fare"].fillna(0) + 1)
    assert made(*CASES["python text"]).frame["age_text"].str.contains("\nyears").all()


def test_what_is_learned_is_not_learned_from_rows_that_test(made: Made) -> None:
    result = made(step("split", method="ordered", shares="50/50"), step("scale", columns=["id"], method="min-max"))
    assert result.fitted.steps[1].state == {"columns": {"id": [0.0, 99.0]}}
    assert result.frame["id"].iloc[-1] > 2


def test_of_too_many_rows_to_hold_quantiles_are_the_same_and_parts_come_near_their_shares(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = step("split", shares="70/30"), step("scale", columns=["age", "fare", "empty"], method="robust")
    assert (made(steps[0]).frame["split"] == "train").sum() == 0.7 * ROWS
    monkeypatch.setattr(learning, "HELD", 50)
    large = made(*steps)
    assert 0.6 < (large.frame["split"] == "train").mean() < 0.8
    assert {*large.frame["split"]} == {"train", "test"}
    train = BEFORE[large.frame["split"] == "train"]
    for name in ("age", "fare", "empty"):
        low, middle, high = np.nanquantile(train[name].astype(float), [0.25, 0.5, 0.75])
        near(large.frame[name], (BEFORE[name] - middle) / (high - low))
    assert made(*steps).frame.equals(large.frame)


@pytest.mark.parametrize("scale", [True, False])
def test_principal_components_are_those_of_the_training_part(made: Made, scale: bool) -> None:
    names = ["id", "age", "fare"]
    fill = step("fill-missing", columns=["age", "fare"])
    found = made(fill, step("pca", columns=names, scale=scale, share=0.9)).frame
    filled = made(fill).frame
    train = filled[filled["split"] == "train"][names].astype(float)
    width = train.std(ddof=0) if scale else 1.0
    peer = PCA(0.9).fit(train / width)
    wanted = peer.transform(filled[names] / width)
    assert [one for one in found if one.startswith("pc_")] == [f"pc_{place + 1}" for place in range(wanted.shape[1])]
    for place in range(wanted.shape[1]):
        turned = np.sign(peer.components_[place][np.abs(peer.components_[place]).argmax()])
        near(found[f"pc_{place + 1}"], pd.Series(wanted[:, place] * turned))
    assert not {*names} & {*found}


def test_a_row_without_one_of_the_numbers_has_no_components(made: Made) -> None:
    found = made(step("pca", columns=["age", "fare"])).frame
    assert found["pc_1"].isna().tolist() == BEFORE[["age", "fare"]].isna().any(axis=1).tolist()


def test_missing_numbers_are_what_chained_models_of_the_training_part_say(made: Made) -> None:
    names = ["age", "empty", "id"]
    found = made(step("model-impute", columns=["age", "empty"], of=["id"], rounds=4)).frame
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        peer = IterativeImputer(max_iter=4, random_state=0).fit(BEFORE[found["split"] == "train"][names])
    wanted = peer.transform(BEFORE[names])
    for place, name in enumerate(names[:2]):
        near(found[name], pd.Series(wanted[:, place]))
    assert found["id"].tolist() == BEFORE["id"].tolist()


@pytest.mark.parametrize(
    ("asked", "valid"),
    [
        ({"form": "letters"}, "abc Zoë STRASSE"),
        ({"form": "letters-and-digits", "longest": 3}, "abc 123 Zoë"),
        ({"form": "digits"}, "123"),
        ({"form": "number"}, "123 -1.5e3"),
        ({"form": "lowercase"}, "abc -1.5e3 a.b@c.org"),
        ({"form": "uppercase"}, "STRASSE"),
        ({"form": "email"}, "a.b@c.org"),
        ({"pattern": "[a-c]+"}, "abc"),
        ({"shortest": 7}, "a.b@c.org STRASSE"),
    ],
)
def test_a_text_is_valid_where_all_of_it_is_of_the_form(asked: dict[str, Any], valid: str) -> None:
    texts = ["abc", "Zoë", "123", "-1.5e3", "STRASSE", "a.b@c.org", "", None]
    flow = Flow(name="tried", sources={"rows": "rows"}, steps=[step("validate-string", column="text", **asked)])
    rows = pa.table({"text": texts})
    found = fitting.apply(fitting.fit(flow, {"rows": rows}), rows).to_pydict()
    assert {text for text, good in zip(texts, found["text_valid"], strict=True) if good} == {*valid.split()}
    assert found["text_valid"][-1] is None
