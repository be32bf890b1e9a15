"""Projection of a running year to its end, with an interval: what the days to come may bring.

Days to come are drawn as blocks of neighbouring days from past years, at about the same place in the season, since
pollution comes in episodes. What a past year tells is its shape (value against its year's mean); the level is this
year's own, as far as its days so far tell one, else last year's. How far both may be off is drawn too. Without a
past year the shape is a stated season and the blocks are this year's own days: the interval is wider, and the answer
says so. The seed comes from the data: the same days give the same answer.
Source: a choice of this project (standards/projection_2026.toml), measured in docs/projection.md.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from indicators.registry import Standard
from vocabulary.rounding import round_half_even

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
TOPIC = "projection"
#: the smallest value a logarithm is taken of
_LEAST = 1e-6


@dataclass(frozen=True)
class Projected:
    """What a year may end with: middle and ends of the interval, unrounded; how it was found."""

    middle: float
    low: float
    high: float
    method: Literal["past-years", "own-days"]
    years: int


@dataclass(frozen=True)
class _Basis:
    """What days to come are drawn from: shapes (rows x days, value against the mean), the level, its spread."""

    shapes: FloatArray
    season: FloatArray
    level: float
    spread: float
    method: Literal["past-years", "own-days"]
    years: int


def project_days(
    values: npt.ArrayLike,
    elapsed: int,
    past: npt.ArrayLike,
    standard: Standard,
    *,
    kind: Literal["pm2_5", "aqi"],
    limit: float | None = None,
    until: int | None = None,
) -> Projected | None:
    """Project the year's mean, or the share (%) of days up to a limit.

    Parameters
    ----------
    values : array_like of float64, n
        Daily values of the year (n = 365 or 366), NaN where none is valid; those from `elapsed` on are not looked at.
    elapsed : int
        Days of the year that are over.
    past : array_like of float64, years x n
        The same of past years, the oldest first, day by day of the calendar (29 February may be NaN).
    standard : Standard
        Of topic projection.
    kind : {'pm2_5', 'aqi'}
        Whose spread and season apply.
    limit : float, optional
        A day counts as good up to it (AQI 100); without it the mean is projected.
    until : int, optional
        Project the first so many days of the year instead of all n.

    Returns
    -------
    Projected or None
        None while the year has too few valid days, or none is to come.

    Notes
    -----
    Days to come are taken as valid. Low and high hold the stated share of the draws, the same share outside each.
    """
    days = np.asarray(values, dtype=np.float64)
    rule, history = standard.rule("interval"), standard.rule("history")
    so_far, left = days[:elapsed], (len(days) if until is None else until) - elapsed
    known = so_far[np.isfinite(so_far)]
    if len(known) < int(history["least_days"]) or left <= 0:
        return None
    years = _usable(np.asarray(past, dtype=np.float64).reshape(-1, len(days)), history)
    basis = _basis(so_far, years, standard, kind, len(days), left)
    generator = np.random.default_rng(_seed(kind, so_far, years, left))
    drawn = _draw(basis, elapsed, left, standard, generator)
    if limit is None:
        outcome = (known.sum() + drawn.mean(axis=1) * left) / (len(known) + left)
    else:
        good = np.count_nonzero(known <= limit) + (drawn <= limit).mean(axis=1) * left
        outcome = good / (len(known) + left) * 100.0
    tail = (1.0 - float(rule["level"])) / 2.0
    low, middle, high = np.quantile(outcome, [tail, 0.5, 1.0 - tail])
    return Projected(float(middle), float(low), float(high), basis.method, basis.years)


def _usable(past: FloatArray, history: Mapping[str, Any]) -> FloatArray:
    """Return the latest past years that have enough valid days."""
    enough = np.isfinite(past).sum(axis=1) >= int(history["year_days"])
    return np.asarray(past[enough][-int(history["years"]) :], dtype=np.float64)


def _seed(kind: str, so_far: FloatArray, years: FloatArray, left: int) -> int:
    """Return a seed that the data alone decide, to the sixth place: engines may differ in the last bit."""
    text = b"".join(np.nan_to_num(np.round(part, 6), nan=-1.0).tobytes() for part in (so_far, years))
    return int.from_bytes(hashlib.sha256(f"{kind}/{left}/".encode() + text).digest()[:8], "big")


def _basis(so_far: FloatArray, years: FloatArray, standard: Standard, kind: str, n: int, left: int) -> _Basis:
    spread = standard.rule(f"spread.{kind}")
    block = int(standard.rule("interval")["block_days"])
    prior = float(standard.rule("history")["prior_years"])
    known = np.isfinite(so_far)
    if not len(years):
        season = _stated_season(standard, kind, n)
        level = float(so_far[known].mean() / season[: len(so_far)][known].mean())
        shape = so_far / (season[: len(so_far)] * level)
        own = _noise(shape, block) / max(int(known.sum()) / block, 1.0)
        wide = float(np.hypot(float(spread["unknown_season"]), np.sqrt(own)))
        return _Basis(shape[None, :], season, level, wide, "own-days", 0)
    means = np.nanmean(years, axis=1)
    shapes = years / means[:, None]
    there = np.isfinite(shapes)
    # a day that no past year has counts as the year's mean
    season = np.where(there, shapes, 0.0).sum(axis=0) / np.maximum(there.sum(axis=0), 1)
    season = np.where(there.any(axis=0), season, 1.0)
    said = float(so_far[known].mean() / season[: len(so_far)][known].mean())
    step = np.diff(np.log(np.maximum(means, _LEAST)))
    year = (prior * float(spread["year"]) ** 2 + float(step @ step)) / (prior + len(step))
    # chance and season move both ends: this year's days and, the fewer years the more, the shape they are held against
    chance = _noise(shapes / season if len(years) > 1 else shapes / _smooth(shapes[0], block), block)
    # two parts of a year leave each other: half of it is charged to either
    apart = _season_spread(shapes, spread, prior) * (1.0 + 1.0 / len(years)) / 2.0
    blocks = max(int(known.sum()) / block, 1.0), max(left / block, 1.0)
    own = chance * (1.0 + 1.0 / len(years)) / blocks[0] + apart
    weight = year / (year + own)
    level = float(
        np.exp(weight * np.log(max(said, _LEAST)) + (1.0 - weight) * np.log(max(means[-1], _LEAST)))
    )
    total = float(np.sqrt(year * own / (year + own) + apart + 2.0 * chance / len(years) / blocks[1]))
    return _Basis(shapes, season, level, total, "past-years", len(years))


def _stated_season(standard: Standard, kind: str, n: int) -> FloatArray:
    """Return the stated season as n days around 1: months in their middle, straight lines between."""
    months = np.asarray(standard.rule(f"season.{kind}")["values"], dtype=np.float64)
    middles = (np.arange(-1, 13) + 0.5) * n / len(months)
    around = np.concatenate([months[-1:], months, months[:1]])
    season = np.interp(np.arange(n) + 0.5, middles, around)
    return np.asarray(season / season.mean(), dtype=np.float64)


def _smooth(values: FloatArray, block: int) -> FloatArray:
    """Return running means over six blocks, round the year; days without a value do not count."""
    width = 6 * block
    kernel = np.ones(width)
    there = np.isfinite(values)
    padded = np.concatenate([np.where(there, values, 0.0)] * 3)
    count = np.concatenate([there.astype(np.float64)] * 3)
    n = len(values)
    total = np.convolve(padded, kernel, mode="same")[n : 2 * n]
    number = np.convolve(count, kernel, mode="same")[n : 2 * n]
    return np.asarray(total / np.maximum(number, 1.0), dtype=np.float64)


def _noise(shape: FloatArray, block: int) -> float:
    """Return the variance of the means of blocks of days, as a share of their mean."""
    rows = np.atleast_2d(shape)
    whole = rows[:, : rows.shape[1] // block * block].reshape(rows.shape[0], -1, block)
    there = np.isfinite(whole)
    count = there.sum(axis=2)
    means = np.where(there, whole, 0.0).sum(axis=2)[count > 0] / count[count > 0]
    if len(means) < 2:  # noqa: PLR2004  # one block has no variance
        return float(np.nanvar(shape))
    return float(np.var(means, ddof=1) / np.mean(means) ** 2)


def _season_spread(shapes: FloatArray, spread: Mapping[str, Any], prior: float) -> float:
    """Return the variance with which a half of the year leaves what the other half says: stated, and as past years did."""
    stated = float(spread["season"]) ** 2
    if len(shapes) < 2:  # noqa: PLR2004  # one year has nothing to differ from
        return stated
    middle = shapes.shape[1] // 2
    halves = np.log(np.nanmean(shapes[:, middle:], axis=1) / np.nanmean(shapes[:, :middle], axis=1))
    off = halves - halves.mean()
    return float((prior * stated + off @ off) / (prior + len(shapes) - 1))


def _draw(
    basis: _Basis, elapsed: int, left: int, standard: Standard, generator: np.random.Generator
) -> FloatArray:
    """Return drawn values of the days to come, draws x left."""
    rule = standard.rule("interval")
    draws, block, shift = int(rule["draws"]), int(rule["block_days"]), int(rule["shift_days"])
    season = basis.season[elapsed : elapsed + left]
    blocks = -(-left // block)
    width = basis.shapes.shape[1]
    if basis.method == "past-years":
        row = generator.integers(0, len(basis.shapes), (draws, blocks, 1))
        begin = elapsed + np.arange(blocks)[:, None] * block
        moved = generator.integers(-shift, shift + 1, (draws, blocks, 1))
        day = (begin + moved + np.arange(block)) % width
    else:
        row = np.zeros((draws, blocks, 1), dtype=np.int64)
        start = generator.integers(0, max(width - block, 0) + 1, (draws, blocks, 1))
        day = (start + np.arange(block)) % width
    drawn = basis.shapes[row, day].reshape(draws, -1)[:, :left]
    if basis.method == "own-days":
        drawn = drawn * season
    # a day without a value is as its season
    drawn = np.where(np.isfinite(drawn), drawn, season)
    off = np.exp(basis.spread * generator.standard_normal((draws, 1)))
    return np.asarray(drawn * basis.level * off, dtype=np.float64)


def rounded(projected: Projected, places: int) -> tuple[float, float, float]:
    """Return middle, low and high to some places (GB/T 8170)."""
    found = round_half_even(
        np.asarray([projected.middle, projected.low, projected.high], dtype=np.float64), places
    )
    return float(found[0]), float(found[1]), float(found[2])
