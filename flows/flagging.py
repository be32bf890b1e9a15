"""Flag what a night changed: verdicts of our own on the readings it touched and on those around them.

Flags are kept like derived rows, in the transaction of the evaluation and before it. What is touched is told by the
marks of the load (`stale_days`), so a killed run leaves the work on record. A changed reading moves verdicts no farther than
`quality.flags.context`; that far around the touched days flags are made anew, from readings as far again. Days on
which flags changed that the policy of a use looks at are marked in their turn, so that the evaluation that follows
counts them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib.resources import files

import pandas as pd
from sqlalchemy import Connection, select

from flows.rulebook import last_judged
from quality.flags import Rules, as_rows, context, flag, flag_rules
from quality.verdict_policy import verdict_policies
from vocabulary.clock import now_utc
from vocabulary.district import District
from vocabulary.reading import CHANNELS
from warehouse import bulk
from warehouse.flags import replace_flags, series_of, span_of_readings
from warehouse.load import mark_range
from warehouse.marks import COLUMNS, marks_of, set_marks
from warehouse.recall import recall_readings
from warehouse.schema import stale_days
from warehouse.stored_chains import mark_stale

#: site-days flagged at a time; bounds memory on a backfill
SITE_DAYS = 8000
#: where the marks stand: no source has an empty key
_SOURCE, _RULES, _POLICY = "", "flag-rules", "flag-policy"
_DAY = timedelta(days=1)
#: no reading stands before or after
_ALWAYS = (datetime(1900, 1, 1), datetime(2200, 1, 1))


@dataclass(frozen=True)
class Stretch:
    """Registered sites of one kind that changed in `start <= observed_at < end`."""

    sites: tuple[str, ...]
    peers: tuple[str, ...]
    start: datetime
    end: datetime


def flag_district(
    connection: Connection, district: District, *, rules: Rules | None = None
) -> dict[str, int]:
    """Flag what changed in a district, within the caller's transaction and before `evaluate_district`.

    The whole history is flagged where other thresholds or other sites were in force the last time; every day is
    evaluated again where the policy was another.

    Parameters
    ----------
    rules
        Other thresholds than those in force.

    Returns
    -------
    dict
        `flags`: how many flags began or ended.
    """
    bulk.lock_district(connection, district.key)
    chosen = flag_rules() if rules is None else rules
    marks = marks_of(connection, district.key, _SOURCE)["sha256"].to_dict()
    now = now_utc()
    wanted = {_RULES: _rules_hash(chosen, district), _POLICY: _policy_hash()}
    if marks.get(_POLICY) != wanted[_POLICY] and last_judged(connection, district.key) is not None:
        mark_range(connection, district.key, *_ALWAYS)
    if marks.get(_RULES) == wanted[_RULES]:
        stretches = list(_touched(connection, district, chosen))
    else:
        stretches = list(_everything(connection, district))
    parts = [
        flag_stretch(connection, district, piece, chosen, now)
        for stretch in stretches
        for piece in _pieces(stretch)
    ]
    changed = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
    if len(changed):
        _mark_evaluation(connection, district, changed)
    if {name: marks.get(name) for name in wanted} != wanted:
        _mark(connection, district.key, wanted)
    return {"flags": len(changed)}


def flag_stretch(
    connection: Connection, district: District, stretch: Stretch, rules: Rules, now: datetime
) -> pd.DataFrame:
    """Flag one stretch and put it on record; return the flags that began or ended."""
    rows = verdicts_of(connection, district, stretch, rules)
    return replace_flags(
        connection,
        district.key,
        stretch.sites,
        rows,
        start=stretch.start,
        end=stretch.end,
        now=now,
    )


def verdicts_of(
    connection: Connection,
    district: District,
    stretch: Stretch,
    rules: Rules,
    *,
    as_of: datetime | None = None,
) -> pd.DataFrame:
    """Return what is suspect or bad in a stretch, one row a reading and test, from as many readings around as it takes."""
    frame = flagged_readings(connection, district, stretch, rules, as_of=as_of)
    tests = [test.key for test in rules.tests]
    return as_rows(frame, frame[tests])


def flagged_readings(
    connection: Connection,
    district: District,
    stretch: Stretch,
    rules: Rules,
    *,
    as_of: datetime | None = None,
) -> pd.DataFrame:
    """Return the readings of a stretch with a column of verdicts for every test and the overall one."""
    reach = _reach(connection, district, stretch.sites, rules)
    span = (stretch.start - reach, stretch.end + reach)
    found = _recalled(connection, district, stretch.sites, *span, as_of)
    shared = {kind[0] for kind in rules.neighbours} & set(found["parameter"].unique())
    others = sorted(set(stretch.peers) - set(stretch.sites))
    if shared and others:
        # neighbours are compared at one time, so their readings before and after are not needed
        beside = _recalled(
            connection, district, others, stretch.start, stretch.end, as_of, parameters=sorted(shared)
        )
        found = pd.concat([found, beside], ignore_index=True)
    verdicts = flag(found, groups=dict.fromkeys([*stretch.sites, *stretch.peers], ""), rules=rules)
    inside = (
        found["site"].isin(stretch.sites)
        & (found["observed_at"] >= stretch.start)
        & (found["observed_at"] < stretch.end)
    )
    return pd.concat([found, verdicts], axis=1)[inside].reset_index(drop=True)


def stretches_of(
    district: District, start: datetime, end: datetime, sites: Sequence[str] | None = None
) -> Iterator[Stretch]:
    """Yield the registered sites of every kind over a span, cut so that each fits into memory."""
    for _, peers in _by_kind(district):
        chosen = peers if sites is None else tuple(site for site in peers if site in sites)
        if chosen:
            yield from _pieces(Stretch(chosen, peers, start, end))


def _recalled(
    connection: Connection,
    district: District,
    sites: Iterable[str],
    start: datetime,
    end: datetime,
    as_of: datetime | None,
    *,
    parameters: Sequence[str] | None = None,
) -> pd.DataFrame:
    found = recall_readings(
        connection,
        district=district.key,
        start=start,
        end=end,
        sites=list(sites),
        parameters=parameters,
        as_of=as_of,
    )
    return found.assign(district=district.key)


def _by_kind(district: District) -> list[tuple[str, tuple[str, ...]]]:
    kinds = district.sites.groupby("kind")["key"].unique()
    return [(str(kind), tuple(sorted(sites))) for kind, sites in kinds.items()]


def _touched(connection: Connection, district: District, rules: Rules) -> Iterator[Stretch]:
    """Yield what the marks of the load touch: days with their context, neighbouring ones together."""
    query = (
        select(stale_days.c.site, stale_days.c.day).where(stale_days.c.district == district.key).distinct()
    )
    stale = bulk.fetch(connection, query).astype({"day": "datetime64[us]"})
    for _, peers in _by_kind(district):
        mine = stale[stale["site"].isin(peers)]
        if mine.empty:
            continue
        reach = _reach(connection, district, mine["site"].unique().tolist(), rules)
        mine = mine.sort_values("day")
        apart = mine["day"].diff() > 2 * reach + _DAY
        for _, part in mine.groupby(apart.cumsum()):
            first, last = part["day"].min().to_pydatetime(), part["day"].max().to_pydatetime() + _DAY
            sites = tuple(sorted(part["site"].unique()))
            yield Stretch(sites, peers, first - reach, last + reach)
            others = tuple(site for site in peers if site not in sites)
            if others and _compared(connection, district, sites, rules):
                # a neighbour's verdict changes at the very times only
                yield Stretch(others, peers, first, last)


def _everything(connection: Connection, district: District) -> Iterator[Stretch]:
    for _, peers in _by_kind(district):
        span = span_of_readings(connection, district.key, peers)
        if span is not None:
            yield Stretch(peers, peers, span[0], span[1] + _DAY)


def _pieces(stretch: Stretch) -> Iterator[Stretch]:
    step = timedelta(days=max(SITE_DAYS // len(stretch.sites), 1))
    start = stretch.start
    while start < stretch.end:
        end = min(start + step, stretch.end)
        yield Stretch(stretch.sites, stretch.peers, start, end)
        start = end


def _reach(connection: Connection, district: District, sites: Sequence[str], rules: Rules) -> timedelta:
    """Return the longest context of the series of some sites."""
    known = series_of(connection, district.key, sites)[["parameter", "period"]].drop_duplicates()
    return max(
        (
            context(parameter, period, channel, rules=rules)
            for parameter, period in zip(known["parameter"], known["period"], strict=True)
            for channel in CHANNELS
        ),
        default=timedelta(0),
    )


def _compared(connection: Connection, district: District, sites: Sequence[str], rules: Rules) -> bool:
    known = series_of(connection, district.key, sites)
    compared = {(parameter, period) for parameter, period, _ in rules.neighbours}
    return bool(compared & set(zip(known["parameter"], known["period"], strict=True)))


def _mark_evaluation(connection: Connection, district: District, changed: pd.DataFrame) -> None:
    """Mark the site-days of changed flags that leave a reading out in any use."""
    looked_at = pd.Series(False, index=changed.index)
    for policy in verdict_policies().values():
        for test, least in policy.least.items():
            looked_at |= (changed["test"] == test) & (changed["verdict"] >= least)
    days = changed.loc[looked_at, ["site"]].assign(day=changed.loc[looked_at, "observed_at"].dt.normalize())
    mark_stale(connection, days.assign(district=district.key))


def _rules_hash(rules: Rules, district: District) -> str:
    """Return a hash of the thresholds and of the sites that are flagged."""
    registered = sorted(zip(district.sites["kind"], district.sites["key"], strict=True))
    return hashlib.sha256(f"{rules!r}{registered!r}".encode()).hexdigest()


def _policy_hash() -> str:
    return hashlib.sha256(files("quality").joinpath("data/flag_policy.toml").read_bytes()).hexdigest()


def _mark(connection: Connection, district: str, hashes: dict[str, str]) -> None:
    rows = pd.DataFrame({"address": list(hashes), "sha256": list(hashes.values())})
    rows = rows.assign(etag="", last_modified="", size=0, modified_ns=0, seen_at=pd.Timestamp(now_utc()))
    set_marks(connection, district, _SOURCE, rows[COLUMNS])
