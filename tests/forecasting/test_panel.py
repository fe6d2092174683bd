"""Rows become series of one value a step."""

import pickle

import numpy as np
import pandas as pd
import pytest
from tests.forecasting.series import items, monthly, read, spec

from cupola.errors import BadInput
from cupola.forecasting import panel


def test_items_of_different_length_keep_their_own_beginning_and_end() -> None:
    found, _, notes = read(items(), items=["item"])
    assert [len(one.values) for one in found.series] == [96, 91, 86]
    assert [one.key for one in found.series] == [("item 0",), ("item 1",), ("item 2",)]
    assert notes == []


def test_rows_of_one_step_count_by_their_mean_and_gaps_are_drawn_through() -> None:
    frame = monthly(24)
    frame = pd.concat([frame.drop(index=[5, 6]), frame.iloc[[0]].assign(y=0.0)]).sample(frac=1, random_state=1)
    found, _, notes = read(frame)
    series = found.series[0]
    assert np.isclose(series.values[0], monthly(24)["y"][0] / 2)
    assert np.isnan(series.values[5:7]).all() and np.isfinite(series.filled).all()
    assert any(note.startswith("1 row at a step that another row") for note in notes)
    assert any(note.startswith("2 steps without a value within the series") for note in notes)


def test_rows_without_a_time_or_an_item_are_left_out_and_it_is_said() -> None:
    frame = items(2, 30).astype({"t": object})
    frame.loc[3, "t"], frame.loc[40, "item"] = None, None
    found, _, notes = read(frame, items=["item"])
    assert len(found.series) == 2 and notes[0] == "left out: 2 rows without a time or an item"


def test_rows_after_the_last_value_hold_what_is_known_of_the_time_ahead() -> None:
    frame = monthly(30).assign(price=np.arange(30.0))
    frame.loc[24:, "y"] = np.nan
    found, encodings, _ = read(frame, known=[("price", "number")])
    series = found.series[0]
    assert len(series.values) == 24 and series.known[:, 0].tolist() == list(range(30))
    assert series.until(series.start + 10, 4).known[:, 0].tolist() == list(range(14))
    assert encodings.known.names == ["price"]


def test_categories_become_columns_that_are_the_same_for_other_rows() -> None:
    frame = monthly(20).assign(kind=["a", "b"] * 10)
    found, encodings, _ = read(frame, known=[("kind", "category")])
    assert encodings.known.names == ["kind=a", "kind=b"]
    rows = frame.head(3).assign(kind=pd.Series(["b", "c", None], dtype=object))
    asked = spec(known=[("kind", "category")])
    other = panel.gathered(rows, asked, found.frequency, found.seasons, encodings)
    assert other.series[0].known.tolist() == [[0, 1], [0, 0], [0, 0]]


def test_newer_rows_take_the_place_of_older_ones_and_what_lies_between_is_missing() -> None:
    series = read(monthly(12))[0].series[0]
    newer = series.until(series.start + 2, 0)
    newer = panel.Series((), series.start + 14, np.array([7.0, 8.0]), newer.known, newer.past, newer.static)
    joined = series.followed_by(newer)
    assert len(joined.values) == 16 and np.isnan(joined.values[12:14]).all() and joined.values[14:].tolist() == [7, 8]
    again = series.followed_by(panel.Series((), series.start + 4, newer.values, newer.known, newer.past, newer.static))
    assert len(again.values) == 6 and again.values[4:].tolist() == [7, 8]


def test_a_panel_is_packed_into_few_arrays_and_comes_back() -> None:
    found = read(items(), items=["item"], known=[("promoted", "integer")])[0]
    again = pickle.loads(pickle.dumps(found))
    for one, other in zip(found.series, again.series, strict=True):
        assert (one.key, one.start) == (other.key, other.start)
        assert np.array_equal(one.values, other.values) and np.array_equal(one.known, other.known)


def test_rows_before_a_hole_that_is_long_beside_what_follows_are_left_out() -> None:
    days = pd.date_range("2023-01-01", periods=50)
    frame = pd.DataFrame({"t": [pd.Timestamp("1900-01-01"), *days], "y": np.arange(51.0)})
    found, _, notes = read(frame)
    assert [len(one.values) for one in found.series] == [50]
    assert "left out: 1 row before a long time without any value" in notes
    with pytest.raises(BadInput, match=r"steps \(every second\)"):
        read(frame.assign(t=[pd.Timestamp("2022-05-01"), *days]), frequency="1s")
    assert len(read(frame.assign(t=[pd.Timestamp("2022-05-01"), *days]))[0].series[0].values) == 295
    twice = pd.concat([frame.iloc[1:]] * 2)
    assert len(read(twice)[0].series[0].values) == 50, "of steps with several rows the distance is that of the steps"


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Asia/Tokyo"])
@pytest.mark.parametrize("freq", ["D", "MS", "W-MON", "B"])
def test_days_of_a_time_zone_are_its_own_and_not_those_of_utc(zone: str, freq: str) -> None:
    times = pd.date_range("2024-01-01", periods=40, freq=freq, tz=zone)
    found, _, notes = read(pd.DataFrame({"t": times.tz_convert("UTC"), "y": np.arange(40.0)}))
    (series,) = found.series
    assert len(series.values) == 40 and not notes
    moments = pd.DatetimeIndex(found.frequency.moments(np.arange(series.start, series.end)))
    assert [*moments.date] == [*times.date]
    sent = panel.moments_of(pd.Series(times.tz_convert("UTC")[-1:]))
    assert found.frequency.places(sent).tolist() == [series.end - 1]


def test_hours_of_a_time_zone_are_those_of_utc_and_it_is_said() -> None:
    times = pd.date_range("2024-03-30", periods=72, freq="h", tz="Europe/Berlin")
    found, _, notes = read(pd.DataFrame({"t": times.tz_convert("UTC"), "y": np.arange(72.0)}))
    assert len(found.series[0].values) == 72 and notes == ["times are those of UTC"]


def test_covariates_that_are_not_known_for_all_of_the_horizon_are_named() -> None:
    frame = items(3, 40)
    assert any(note.startswith("promoted: no rows say it") and "of 3 items" in note
               for note in read(frame, items=["item"], known=[("promoted", "integer")])[2])  # fmt: skip


def test_the_row_that_lacks_its_item_or_its_time_is_named_where_a_model_is_asked() -> None:
    frame = items(1, 20)
    history, encodings, _ = read(frame, items=["item"])
    for lacking, said in (("item", "row 3 has no item"), ("t", "row 3 has no t")):
        asked = frame.assign(**{lacking: frame[lacking].where(frame.index != 2)})
        with pytest.raises(BadInput, match=said):
            panel.gathered(asked, spec(items=["item"]), history.frequency, history.seasons, encodings)


@pytest.mark.parametrize(
    ("freq", "name", "kind"),
    [("MS", "monthly", "months"), ("D", "daily", "days"), ("B", "business days", "days"), ("ME", "monthly", "days")],
)
def test_numbers_that_are_written_dates_have_the_steps_of_those(freq: str, name: str, kind: str) -> None:
    times = pd.date_range("2023-11-30", periods=60, freq=freq)
    written = times.strftime("%Y%m" if kind == "months" else "%Y%m%d").astype(int)
    found, encodings, notes = read(pd.DataFrame({"t": written[:50], "y": np.arange(50.0)}))
    assert found.frequency.name == name and len(notes) == 1 and f"written {kind}" in notes[0]
    assert len(found.series[0].values) == 50
    assert found.frequency.moments(np.arange(60)).tolist() == written.tolist()
    asked = pd.DataFrame({"t": [*written[:1].astype(float), 202413.0], "y": np.nan})
    with pytest.raises(BadInput, match="row 2 has no t"):
        panel.gathered(asked, spec(), found.frequency, found.seasons, encodings)
