"""What the site says of a district's sections: classes by day, month and year, factors beside their limits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd
from sqlalchemy import Connection, cast, func, select
from sqlalchemy.types import Date

from flows.answers.records import as_records
from flows.evaluate import registry_of, section_dry, sections_frame
from flows.site.parts import Span, fetched
from flows.used_readings import section_readings, single_samplings
from indicators.registry import Standard
from indicators.water_evaluation import plain_texts
from indicators.water_limits import (
    CLASS_TOPIC,
    EVALUATION_TOPIC,
    calculation_values,
    classify_values,
    limit_rules,
)
from indicators.water_means import from_averaged, period_means, to_averaged
from indicators.water_period import parse_period
from vocabulary.district import District
from vocabulary.parameters import parameters
from warehouse.recall import believed
from warehouse.schema import section_results

_MONTHS = (
    "period class items_used worst multiples target_class attained n_samples valid reason standard left_out"
)
#: joins a section and a month into one name, so that all months are averaged at once; no site key has it
_JOINED = "|"
#: digits of a day's mean on a chart
_DIGITS = "%.4g"


def gather_water(connection: Connection, district: District, span: Span) -> dict[str, Any]:
    """Return what the pages of the sections show, as plain data.

    Returns
    -------
    dict
        `days` (ISO), `items` (key, zh, en, unit), `sections`: facts of the registry, `months` and `years` (results),
        `calendar` (day -> worst class of the day's samplings), `means` (month -> item -> value, class),
        `limits` (item -> kind and limits Ⅰ…Ⅴ), `charts` (item -> a mean a day).
    """
    registry = registry_of(district)
    frame = sections_frame(district).drop_duplicates("site", keep="last")
    sites = list(frame["site"])
    evaluation = registry.in_force(EVALUATION_TOPIC, span.last.date())
    standard = registry.in_force(CLASS_TOPIC, span.last.date())
    order = list(evaluation.rule("items.section")["parameters"])
    results = _results(connection, district, span)
    worst = _worst_of_days(connection, district, span)
    used = section_readings(connection, district, sites, span.start, span.end, use="evaluation").kept
    used = used[used["parameter"].isin(order)].reset_index(drop=True)
    dry = section_dry(connection, district, sites, span.start, span.end)
    waterbody = frame.set_index("site")["waterbody"]
    means = _month_means(used, waterbody, span, evaluation, standard, dry)
    charts = _day_means(used, evaluation, span)
    here = set(used["parameter"].unique())
    items = [key for key in order if key in here]
    rows = district.sites[district.sites["kind"] == "section"].drop_duplicates("key", keep="last")
    facts = as_records(rows[["key", "name", "river", "level", "waterbody", "target_class", "lon", "lat"]])
    by_site = {
        kind: {str(site): part for site, part in found.groupby("site", sort=False)}
        for kind, found in (
            ("months", results["month"]),
            ("years", results["year"]),
            ("days", worst),
            ("means", means),
        )
    }
    return {
        "days": span.days,
        "items": [_item(key) for key in items],
        "standard": standard.label,
        "sections": [
            fact
            | {
                kind: as_records(by_site[kind][fact["key"]][_MONTHS.split()])
                if fact["key"] in by_site[kind]
                else []
                for kind in ("months", "years")
            }
            | {
                "calendar": _calendar(by_site["days"].get(fact["key"])),
                "means": _means_of(by_site["means"].get(fact["key"])),
                "limits": {key: _limits(key, fact["waterbody"], standard) for key in items},
                "charts": charts.get(fact["key"], {}),
            }
            for fact in facts
        ],
    }


def ground_of(district: District) -> list[dict[str, Any]]:
    """Return what the district's maps draw under the sites, as plain data; nothing without its outline.geojson."""
    shapes = district.outline.shapes if district.outline is not None else ()
    # lists, as they come back from a kept part
    return [
        asdict(shape) | {"parts": [[list(point) for point in part] for part in shape.parts]}
        for shape in shapes
    ]


def _item(key: str) -> dict[str, str]:
    known = parameters()[key]
    return {"key": key, "zh": known.zh, "en": known.en, "unit": known.unit}


def _results(connection: Connection, district: District, span: Span) -> dict[str, pd.DataFrame]:
    query = select(section_results).where(
        section_results.c.district == district.key,
        section_results.c.period_kind.in_(["month", "year"]),
        section_results.c.start < span.end,
        believed(section_results),
    )
    rows = fetched(connection, query.order_by(section_results.c.start))
    months = (rows["period_kind"] == "month") & (rows["start"] >= span.start)
    return {"month": rows[months], "year": rows[rows["period_kind"] == "year"]}


def _worst_of_days(connection: Connection, district: District, span: Span) -> pd.DataFrame:
    """Return site, day, class (the worst of the day's samplings) and n."""
    day = cast(section_results.c.start, Date).label("day")
    query = (
        select(
            section_results.c.site,
            day,
            func.max(section_results.c["class"]).label("class"),
            func.count().label("n"),
        )
        .where(
            section_results.c.district == district.key,
            section_results.c.period_kind == "sample",
            section_results.c.start >= span.start,
            section_results.c.start < span.end,
            believed(section_results),
        )
        .group_by(section_results.c.site, day)
    )
    rows = fetched(connection, query)
    return rows.assign(day=pd.to_datetime(rows["day"]).dt.strftime("%Y-%m-%d")).dropna(subset=["class"])


def _calendar(days: pd.DataFrame | None) -> dict[str, int]:
    if days is None:
        return {}
    return dict(zip(days["day"].tolist(), days["class"].astype("int64").tolist(), strict=True))


def _month_means(
    readings: pd.DataFrame,
    waterbody: pd.Series,
    span: Span,
    evaluation: Standard,
    standard: Standard,
    dry: pd.DataFrame,
) -> pd.DataFrame:
    """Return the mean of every item, section and month by the rules of the evaluation, with its class.

    A section's month is averaged as if it were a section of its own: the mean of one month is that month's.
    """
    if readings.empty:
        return pd.DataFrame({name: [] for name in ("site", "month", "parameter", "text", "class")})
    month = readings["observed_at"].dt.strftime("%Y-%m")
    mine = readings.assign(site=readings["site"].astype("str") + _JOINED + month)
    if len(dry):
        dry = dry.assign(
            site=dry["site"].astype("str") + _JOINED + dry["month"].astype("str").str.slice(0, 7)
        )
    names = pd.Series(mine["site"].unique(), dtype="str")
    bodies = names.str.split(_JOINED).str[0].map(waterbody)
    period = parse_period(f"{span.months[0]}..{span.months[-1]}")
    means = period_means(mine, bodies.set_axis(names), period, evaluation, dry)
    given = means["rounded"].to_numpy(dtype=np.float64)
    body = means["site"].map(bodies.set_axis(names)).to_numpy(dtype=object)
    classes = np.zeros(len(means), dtype=np.int64)
    for key in means["parameter"].unique().tolist():
        rows = (means["parameter"] == key).to_numpy(dtype=np.bool_)
        classes[rows] = classify_values(key, given[rows], body[rows], standard)
    joined = means["site"].str.split(_JOINED)
    return pd.DataFrame(
        {
            "site": joined.str[0],
            "month": joined.str[1],
            "parameter": means["parameter"],
            "text": np.where(means["nd"], "<DL ", "") + pd.Series(plain_texts(given), dtype="str"),
            "class": classes,
        }
    )


def _means_of(means: pd.DataFrame | None) -> dict[str, dict[str, list[Any]]]:
    if means is None:
        return {}
    return {
        str(month): {
            key: [text, int(number)]
            for key, text, number in zip(part["parameter"], part["text"], part["class"], strict=True)
        }
        for month, part in means.groupby("month", sort=True)
    }


def _day_means(readings: pd.DataFrame, evaluation: Standard, span: Span) -> dict[str, dict[str, list[Any]]]:
    """Return site -> item -> one mean a day of the span (None without a reading): pH through hydrogen ions."""
    rows = single_samplings(readings)
    if rows.empty:
        return {}
    values, _ = calculation_values(rows, evaluation.rule("non_detect.mean")["factor"])
    table = pd.DataFrame(
        {
            "site": rows["site"],
            "parameter": rows["parameter"],
            "day": rows["observed_at"].dt.normalize(),
            "x": to_averaged(rows["parameter"], values, evaluation),
        }
    )
    means = table.groupby(["site", "parameter", "day"], as_index=False)["x"].mean()
    back = from_averaged(means["parameter"], means["x"].to_numpy(dtype=np.float64), evaluation)
    means["x"] = np.char.mod(_DIGITS, back).astype(np.float64)
    wide = means.pivot_table(index="day", columns=["site", "parameter"], values="x")
    wide = wide.reindex(pd.DatetimeIndex(span.days))
    found: dict[str, dict[str, list[Any]]] = {}
    for site, key in wide.columns:
        column = wide[site, key]
        found.setdefault(str(site), {})[str(key)] = column.astype(object).where(column.notna(), None).tolist()
    return found


def _limits(key: str, waterbody: str, standard: Standard) -> Mapping[str, Any] | None:
    for rule in limit_rules(key, standard):
        if rule["waterbody"] in {"any", waterbody}:
            return {"kind": rule["kind"], "limits": rule["limits"], "clause": rule["clause"]}
    return None
