"""From judged readings to episodes (预警事件): a pure function on frames, all sites at once."""

from __future__ import annotations

import pandas as pd

from alerts.rules import Rule

#: columns the samples must have
SAMPLE_COLUMNS: tuple[str, ...] = ("site", "observed_at", "class", "multiples", "worst", "beyond")
#: columns they may have: whether a sample is bad or good where that is more than its class; neither: unknown
JUDGED_COLUMNS: tuple[str, ...] = ("bad", "good")

#: column -> dtype of the frame of episodes
EPISODE_DTYPES: dict[str, str] = {
    "site": "str",
    "since": "datetime64[us]",
    "until": "datetime64[us]",
    "last_seen": "datetime64[us]",
    "worst_class": "Int8",
    "n_readings": "int64",
    "peak_at": "datetime64[us]",
    "peak_multiple": "float64",
    "worst": "str",
    "multiples": "str",
}


class SamplesError(Exception):
    """The samples lack a column, or one site has two samples of the same time."""


def find_episodes(samples: pd.DataFrame, rule: Rule) -> pd.DataFrame:
    """Find every episode of a rule in the samples of any number of sites.

    A sample is *bad* and *good* as its columns of these names say; without them it is bad when
    `class >= rule.raise_class` and good when `class <= rule.clear_class`. An episode opens when `rule.raise_after` samples in a row are bad, or one bad sample is `beyond`; it
    began with the first of that run. It closes when `rule.clear_after` samples in a row are good, and
    ended with the first of those. Samples of which nothing is known (no class, or neither bad nor good
    where the columns say so and `class` is missing) are as if absent: they neither raise, clear nor break a
    run; so are those of days on which the rule was not valid.

    Parameters
    ----------
    samples
        One row per subject (`site`) and time, in any order: `site`, `observed_at` (Asia/Shanghai, no zone),
        `class` (Int8, NA: not judged, or of a kind without classes), `multiples` ("nh3_n=1.2;tp=0.5"),
        `worst` (parameter keys), `beyond` (bool: an item is beyond `rule.raise_multiple` times its limit),
        and where they are known `bad` and `good` (bool). Give the whole
        history of a site, or all from a sample that `calm_before` names: what stands before the first row
        cannot be known.
    rule
        The rule; its thresholds come from the district's `alerts.toml`.

    Returns
    -------
    DataFrame
        One row per episode, by site and since: `site`, `since`, `until` (NaT: open), `last_seen` (last
        bad sample), `worst_class` (NA: of a kind without classes), `n_readings` (bad samples), and of the
        peak (the bad sample of the worst class with the largest multiple, the earliest of equals) `peak_at`,
        `peak_multiple` (NaN: no multiple, as for pH and DO), `worst`, `multiples`.

    Raises
    ------
    SamplesError
        A column is missing, or a site has two samples of one time.
    """
    missing = [name for name in SAMPLE_COLUMNS if name not in samples.columns]
    if missing:
        raise SamplesError(f"samples: no column {', '.join(missing)}; expected {', '.join(SAMPLE_COLUMNS)}")
    rows = _judged(samples, rule)
    if rows.empty:
        return _none()

    site, bad, good = rows["site"], rows["bad"], rows["good"]
    kind = bad.astype("int8") - good.astype("int8")
    run = ((kind != kind.shift()) | (site != site.shift())).cumsum()
    place = pd.Series(range(len(rows)), index=rows.index)
    run_start = place.groupby(run).transform("first")
    length = place - run_start + 1

    # what each sample asks for: open (1), close (0) or nothing (NaN), and the state that follows
    asks = pd.Series(float("nan"), index=rows.index)
    asks[bad & ((length >= rule.raise_after) | rows["beyond"])] = 1.0
    asks[good & (length >= rule.clear_after)] = 0.0
    state = asks.groupby(site).ffill().fillna(0.0)
    before = state.groupby(site).shift(fill_value=0.0)
    # the sample that decides stands at the end of its run; the episode begins or ends at the run's start
    starts = run_start[(state == 1.0) & (before == 0.0)].to_numpy()
    ends = run_start[(state == 0.0) & (before == 1.0)].to_numpy()
    if len(starts) == 0:
        return _none()

    begun = place.isin(starts).cumsum()
    members = rows.assign(number=begun, open=_inside(place, starts, ends, site))
    members = members[members["open"] & members["bad"]]
    found = _summed_up(members, "number")
    closing = pd.Series(rows["observed_at"].iloc[ends].to_numpy(), index=begun.iloc[ends].to_numpy())
    found["until"] = closing.reindex(range(1, len(starts) + 1)).to_numpy()
    return _typed(found)


def calm_before(samples: pd.DataFrame, rule: Rule, before: pd.Series) -> pd.Series:
    """Find where an examination may begin so that it finds what one of the whole history finds.

    A site is *calm* at a sample that is the `rule.clear_after`-th good one in a row: whatever came before,
    no episode is open then, and the samples after it alone decide what follows.

    Parameters
    ----------
    samples
        `site`, `observed_at`, `class`, `bad` and `good` where known, as `find_episodes` takes them; any part
        of the history.
    rule
        The rule.
    before
        Time by site (index): only samples before it count.

    Returns
    -------
    Series
        Time of the last calm sample by site; a site without one is absent.
    """
    rows = _valid(samples, rule)
    rows = rows[rows["observed_at"] < rows["site"].map(before)]
    good = rows["good"]
    run = ((good != good.shift()) | (rows["site"] != rows["site"].shift())).cumsum()
    calm = good & (good.groupby(run).cumcount() + 1 >= rule.clear_after)
    return rows[calm].groupby("site")["observed_at"].max()


def find_pending(samples: pd.DataFrame, rule: Rule, found: pd.DataFrame) -> pd.DataFrame:
    """Find what may become an episode: bad samples at the end of the history, too few to raise one yet.

    Parameters
    ----------
    samples, rule
        As `find_episodes` takes them.
    found
        What it gave.

    Returns
    -------
    DataFrame
        Columns of `find_episodes`, `until` NaT; one row at most per site, none for one with an open episode.
    """
    rows = _judged(samples, rule)
    busy = set(found.loc[found["until"].isna(), "site"])
    rows = rows[~rows["site"].isin(busy)]
    if not rows["bad"].any():
        return _none()
    # a run at the end: no sample after it is anything but bad
    later = ~rows["bad"]
    tail = rows[~later.iloc[::-1].groupby(rows["site"].iloc[::-1]).cummax().sort_index()]
    # bad samples before the end of the last episode belong to it
    ended = found.groupby("site")["until"].max()
    if len(ended):
        since = tail["site"].map(ended)
        tail = tail[since.isna() | (tail["observed_at"] >= since)]
    if tail.empty:
        return _none()
    return _typed(_summed_up(tail, "site").assign(until=pd.NaT))


def _summed_up(bad: pd.DataFrame, by: str) -> pd.DataFrame:
    """Return one row an episode from its bad samples, in the order of `by`: its first and last, and its peak."""
    grouped = bad.groupby(by, sort=True)
    peak = bad.sort_values(
        [by, "class", "multiple", "observed_at"],
        ascending=[True, False, False, True],
        na_position="last",
        kind="stable",
    ).drop_duplicates(by)
    return pd.DataFrame(
        {
            "site": peak["site"].to_numpy(),
            "since": grouped["observed_at"].min().to_numpy(),
            "last_seen": grouped["observed_at"].max().to_numpy(),
            "worst_class": grouped["class"].max().to_numpy(),
            "n_readings": grouped.size().to_numpy(),
            "peak_at": peak["observed_at"].to_numpy(),
            "peak_multiple": peak["multiple"].to_numpy(),
            "worst": peak["worst"].to_numpy(),
            "multiples": peak["multiples"].to_numpy(),
        }
    )


def _valid(samples: pd.DataFrame, rule: Rule) -> pd.DataFrame:
    """Keep the samples the rule speaks of, by site and time, with what each is."""
    if set(JUDGED_COLUMNS) <= set(samples.columns):
        rows = samples.assign(**{name: _bool(samples[name]) for name in JUDGED_COLUMNS})
        valid = rows["class"].notna() | rows["bad"] | rows["good"]
    else:
        valid = samples["class"].notna()
        number = samples["class"].astype("Int64")
        rows = samples.assign(bad=_bool(number >= rule.raise_class), good=_bool(number <= rule.clear_class))
    valid &= rows["observed_at"] >= pd.Timestamp(rule.valid_from)
    if rule.valid_to is not None:
        valid &= rows["observed_at"] < pd.Timestamp(rule.valid_to) + pd.Timedelta(days=1)
    return rows[valid].sort_values(["site", "observed_at"], kind="stable").reset_index(drop=True)


def _bool(values: pd.Series) -> pd.Series:
    return values.astype("boolean").fillna(value=False).astype(bool)


def _judged(samples: pd.DataFrame, rule: Rule) -> pd.DataFrame:
    """Keep the samples the rule speaks of, in order, with the largest multiple of each; none where none is bad."""
    known = [name for name in (*SAMPLE_COLUMNS, *JUDGED_COLUMNS) if name in samples.columns]
    rows = _valid(samples[known], rule)
    twice = rows.duplicated(["site", "observed_at"])
    if twice.any():
        first = rows[twice].iloc[0]
        raise SamplesError(
            f"samples: site {first['site']} has two samples of {first['observed_at']}, expected one"
        )
    if not rows["bad"].any():
        # nothing is raised: spare what only bad samples are asked for, which is most of the cost
        rows = rows.iloc[:0].copy()
    rows["class"] = rows["class"].astype("Int64")
    rows["beyond"] = _bool(rows["beyond"])
    for name in ("worst", "multiples"):
        rows[name] = rows[name].astype("str").fillna("")
    written = rows.loc[rows["multiples"] != "", "multiples"]
    amounts = written.str.extractall(r"=(-?\d+(?:\.\d+)?)")[0].astype("float64")
    rows["multiple"] = amounts.groupby(level=0).max().reindex(rows.index)
    return rows


def _inside(place: pd.Series, starts: pd.Series, ends: pd.Series, site: pd.Series) -> pd.Series:
    """Say of each sample whether it lies in an episode: from its start up to, without, its end."""
    steps = place.isin(starts).astype("int64") - place.isin(ends).astype("int64")
    return steps.groupby(site).cumsum() > 0


def _none() -> pd.DataFrame:
    return _typed(pd.DataFrame({name: [] for name in EPISODE_DTYPES}))


def _typed(found: pd.DataFrame) -> pd.DataFrame:
    return found[list(EPISODE_DTYPES)].astype(EPISODE_DTYPES)
