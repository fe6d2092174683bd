"""Exponential smoothing as a state space with one source of error, fitted by maximum likelihood (ETS).

Level, trend (none, additive, damped) and season (none, additive), of the values or of their logarithm, which makes all
of it multiplicative; the form is chosen by AICc. With additive parts the errors are linear in the values and in the
first state: e = A(B)/theta(B) (y - X s), so that a filter gives them and least squares the state that is likeliest
(Hyndman, Koehler, Ord and Snyder, Forecasting with Exponential Smoothing, 2008, ch. 3, 5 and 11).
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.signal import lfilter

from cupola.forecasting.naive import Floats, Path, naive

LONGEST_SEASON = 60  # steps; a longer one has more states than most series can tell
RECENT, TURNS = 300, 12  # steps that are looked at, or so many seasons
NONE, ADDITIVE, DAMPED = 0, 1, 2
FEWEST = 4
STEP = 1e-4  # of a parameter, for the slope of the loss


class Form(NamedTuple):
    """Which parts there are; season: its length, 1 for none."""

    logged: bool
    trend: int
    season: int


class Smoothed(NamedTuple):
    """A form with its parameters, and what it makes of the values."""

    errors: Floats
    state: Floats
    denominator: Floats
    numerator: Floats


def fit(values: Floats, season: int) -> Floats:
    """[logged, trend, season, alpha, beta, phi, gamma] of the form with the smallest AICc."""
    values = _recent(values, season)
    best, found = np.inf, np.zeros(0)
    if len(values) < FEWEST or np.ptp(values) == 0:
        return found
    for form in _forms(values, season):
        y, scale = _scaled(values, form)
        columns = _columns(y, form)
        start = np.array([0.3, 0.1, 0.9, 0.1])
        which = _free(form)
        done = minimize(
            lambda free, columns=columns, form=form, which=which, start=start: _with_slope(
                lambda free: _loss(columns, form, _whole(start, which, free)), free
            ),
            _to_free(start)[which], jac=True, method="L-BFGS-B", bounds=[(-7.0, 7.0)] * len(which),
            options={"maxiter": 30, "ftol": 1e-7},
        )  # fmt: skip
        parameters = _whole(start, which, done.x)
        squares = float(done.fun)
        n, k = len(y), len(which) + _states(form) + 1
        if n - k - 1 <= 0:
            continue
        jacobian = 2 * float(np.log(values).sum()) if form.logged else 0.0
        score = n * np.log(max(squares * scale**2, 1e-300) / n) + 2 * k + 2 * k * (k + 1) / (n - k - 1) + jacobian
        if score < best:
            best, found = score, np.concatenate([[form.logged, form.trend, form.season], parameters])
    return found


def forecast(values: Floats, season: int, parameters: Floats, horizon: int) -> Path:
    """On from values with parameters that `fit` gave; values that are too few or never differ go on as they are."""
    values = _recent(values, season)
    if not len(parameters):
        return naive(values, season, parameters, horizon)
    form = Form(bool(parameters[0]) and bool((values > 0).all()), int(parameters[1]), int(parameters[2]))
    if len(values) <= _states(form) + 1:
        return naive(values, season, parameters, horizon)
    y, scale = _scaled(values, form)
    done = _smooth(_columns(y, form), form, parameters[3:])
    errors = np.concatenate([done.errors, np.zeros(horizon)])
    free = _responses(form, float(parameters[5]), len(errors)) @ done.state
    mean = (free + lfilter(done.numerator, done.denominator, errors))[len(y) :] * scale
    impulse = np.zeros(horizon)
    impulse[0] = 1.0
    weights = lfilter(done.numerator, done.denominator, impulse)
    freedom = max(1, len(y) - _states(form) - len(_free(form)))
    spread = np.sqrt((done.errors**2).sum() / freedom) * scale
    return Path(mean, spread * np.sqrt(np.cumsum(weights**2)), form.logged)


def _recent(values: Floats, season: int) -> Floats:
    """The newest values; older ones hardly weigh, and cost as much."""
    return values[-max(RECENT, TURNS * min(season, LONGEST_SEASON)) :]


def _forms(values: Floats, season: int) -> list[Form]:
    seasonal = 1 < season <= LONGEST_SEASON and len(values) >= 2 * season + 1
    logs = [False, True] if (values > 0).all() else [False]
    lengths = [1, season] if seasonal else [1]
    return [Form(log, trend, length) for log in logs for length in lengths for trend in (NONE, ADDITIVE, DAMPED)]


def _scaled(values: Floats, form: Form) -> tuple[Floats, float]:
    y = np.log(values) if form.logged else values
    scale = float(np.std(y)) or 1.0
    return y / scale, scale


def _states(form: Form) -> int:
    return 1 + (form.trend != NONE) + form.season - 1


def _free(form: Form) -> list[int]:
    """Which of alpha, beta, phi, gamma the form has."""
    return [0] + [1] * (form.trend != NONE) + [2] * (form.trend == DAMPED) + [3] * (form.season > 1)


def _whole(start: Floats, which: list[int], free: Floats) -> Floats:
    """alpha, beta < alpha, phi in 0.8 to 0.98 and gamma < 1 - alpha from numbers without bounds."""
    every = _to_free(start)
    every[which] = free
    share = 1 / (1 + np.exp(-every))
    alpha = 1e-4 + 0.9998 * share[0]
    return np.array([alpha, alpha * share[1], 0.8 + 0.18 * share[2], (1 - alpha) * share[3]])


def _to_free(start: Floats) -> Floats:
    alpha, beta, phi, gamma = start
    share = np.array([alpha, beta / alpha, (phi - 0.8) / 0.18, gamma / (1 - alpha)])
    free: Floats = np.log(share / (1 - share))
    return free


def _with_slope(loss: Callable[[Floats], float], at: Floats) -> tuple[float, Floats]:
    """The loss there, and its slope by differences; scipy's own cost as much as the losses."""
    here = loss(at)
    return here, np.array([(loss(at + step) - here) / STEP for step in STEP * np.eye(len(at))])


def _loss(columns: Floats, form: Form, parameters: Floats) -> float:
    return float((_smooth(columns, form, parameters).errors ** 2).sum())


def _smooth(columns: Floats, form: Form, parameters: Floats) -> Smoothed:
    """The errors of one step, with the first state for which their squares are smallest.

    columns: as `_columns` has made them; what a damped trend makes of the values is put in place here.
    """
    denominator, numerator = _polynomials(form, parameters)
    if form.trend == DAMPED:
        columns[:, 2] = _trend(float(parameters[2]), len(columns))
    filtered = lfilter(denominator, numerator, columns, axis=0)
    target, parts = filtered[:, 0], filtered[:, 1:]
    gram = parts.T @ parts
    gram[np.diag_indices_from(gram)] += 1e-9 * max(1.0, float(np.trace(gram)) / len(gram))
    state = np.linalg.solve(gram, parts.T @ target)
    return Smoothed(target - parts @ state, state, denominator, numerator)


def _columns(y: Floats, form: Form) -> Floats:
    """The values, and what each part of the first state alone would make of them."""
    return np.column_stack([y, _responses(form, 1.0, len(y))])


def _polynomials(form: Form, parameters: Floats) -> tuple[Floats, Floats]:
    """A(B), and theta(B) = A + alpha B A/(1-B) + phi beta B A/((1-B)(1-phi B)) + gamma B^m A/(1-B^m)."""
    alpha, beta, phi, gamma = parameters
    phi = phi if form.trend == DAMPED else 1.0
    level = np.array([1.0, -1.0])
    trend = np.array([1.0, -phi]) if form.trend != NONE else np.ones(1)
    season = np.zeros(form.season + 1) if form.season > 1 else np.ones(1)
    if form.season > 1:
        season[0], season[-1] = 1.0, -1.0
    whole = np.convolve(np.convolve(level, trend), season)
    theta = whole.copy()
    _add(theta, 1, alpha * np.convolve(trend, season))
    if form.trend != NONE:
        _add(theta, 1, phi * beta * season)
    if form.season > 1:
        _add(theta, form.season, gamma * np.convolve(level, trend))
    return whole, theta


def _add(polynomial: Floats, lag: int, other: Floats) -> None:
    polynomial[lag : lag + len(other)] += other


def _responses(form: Form, phi: float, length: int) -> Floats:
    """What each part of the first state alone would make of the values: level, trend, and a season that sums to 0."""
    columns = [np.ones(length)]
    if form.trend != NONE:
        columns.append(_trend(phi if form.trend == DAMPED else 1.0, length))
    if form.season > 1:
        at: NDArray[np.int64] = np.arange(length) % form.season
        last = (at == form.season - 1).astype(float)
        columns += [(at == place).astype(float) - last for place in range(form.season - 1)]
    return np.column_stack(columns)


def _trend(phi: float, length: int) -> Floats:
    return np.cumsum(phi ** np.arange(1.0, length + 1))
