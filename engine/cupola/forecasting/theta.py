"""The optimised Theta method (Fiorucci, Pellegrini, Louzada, Petropoulos and Koehler 2016).

The series, without its season, is split into its straight line and a line whose curvature is theta times its own; the
second is smoothed exponentially. Theta = 2 is the method that won the M3 competition.
"""

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.signal import lfilter

from cupola.forecasting.naive import Floats, Path, naive

THETAS = (1.0, 1.5, 2.0, 3.0, 5.0, 8.0)
RECENT = 2000
FEWEST = 4
SURE_90 = 1.645


def fit(values: Floats, season: int) -> Floats:
    """[theta, alpha, kind of the season: 0 none, 1 added, 2 multiplied]."""
    values = values[-RECENT:]
    if len(values) < FEWEST or np.ptp(values) == 0:
        return np.zeros(0)
    kind = _kind(values, season)
    y, _ = _without(values, season, kind)
    line, best, found = _line(y), np.inf, np.zeros(0)
    for theta in THETAS:
        done = minimize_scalar(
            lambda alpha, theta=theta: float((_errors(y, line, theta, alpha)[0] ** 2).sum()), bounds=(0.02, 0.99),
            method="bounded", options={"maxiter": 30},
        )  # fmt: skip
        if done.fun < best:
            best, found = done.fun, np.array([theta, done.x, kind])
    return found


def forecast(values: Floats, season: int, parameters: Floats, horizon: int) -> Path:
    """On from values with parameters that `fit` gave."""
    values = values[-RECENT:]
    if not len(parameters) or len(values) < FEWEST:
        return naive(values, season, parameters, horizon)
    theta, alpha, kind = float(parameters[0]), float(parameters[1]), int(parameters[2])
    if len(values) < 2 * season or (kind == 2 and not (values > 0).all()):
        kind = 0
    y, pattern = _without(values, season, kind)
    line = _line(y)
    errors, level = _errors(y, line, theta, alpha)
    steps = np.arange(1, horizon + 1)
    share = 1 / theta
    mean = share * level + (1 - share) * (line[0] + line[1] * (len(y) - 1 + steps))
    spread = np.sqrt(np.mean(errors**2)) * np.sqrt(1 + (steps - 1) * alpha**2)
    ahead = pattern[(len(y) + steps - 1) % len(pattern)]
    if kind == 2:
        return Path(mean * ahead, spread * np.abs(ahead))
    return Path(mean + ahead * (kind == 1), spread)


def _line(y: Floats) -> Floats:
    """The straight line: what it is at 0, and its slope."""
    slope, start = np.polyfit(np.arange(len(y)), y, 1)
    return np.array([start, slope])


def _errors(y: Floats, straight: Floats, theta: float, alpha: float) -> tuple[Floats, float]:
    """What one step ahead is wrong by, and the smoothed level at the end."""
    line = straight[0] + straight[1] * np.arange(len(y))
    curved = theta * y + (1 - theta) * line
    level = lfilter([alpha], [1, alpha - 1], curved, zi=[(1 - alpha) * curved[0]])[0]
    before = np.concatenate([[curved[0]], level[:-1]])
    said = before / theta + (1 - 1 / theta) * line
    return y - said, float(level[-1])


def _kind(values: Floats, season: int) -> int:
    """Whether there is a season: the autocorrelation after one is larger than those before it would make it."""
    if season <= 1 or len(values) < 3 * season:
        return 0
    y = values - np.poly1d(np.polyfit(np.arange(len(values)), values, 1))(np.arange(len(values)))
    power = float((y**2).sum()) or 1.0
    correlated = np.array([float((y[lag:] * y[:-lag]).sum()) / power for lag in range(1, season + 1)])
    limit = SURE_90 * np.sqrt((1 + 2 * float((correlated[:-1] ** 2).sum())) / len(y))
    if abs(correlated[-1]) <= limit:
        return 0
    return 2 if (values > 0).all() else 1


def _without(values: Floats, season: int, kind: int) -> tuple[Floats, Floats]:
    """The values without their season, and what it is at each place of a turn (classical decomposition)."""
    if kind == 0:
        return values, np.zeros(1)
    window = np.ones(season) / season
    if season % 2 == 0:
        window = np.convolve(np.ones(season), [0.5, 0.5]) / season
    half = len(window) // 2
    trend = np.convolve(values, window, mode="valid")
    inner = values[half : half + len(trend)]
    apart = inner / trend if kind == 2 else inner - trend
    turn = (np.arange(len(apart)) + half) % season
    pattern = np.array([apart[turn == place].mean() for place in range(season)])
    pattern = pattern / pattern.mean() if kind == 2 else pattern - pattern.mean()
    whole = pattern[np.arange(len(values)) % season]
    return (values / whole, pattern) if kind == 2 else (values - whole, pattern)
