"""The overview and the plan pages: indicators with status, path, projection and what remains."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from reports.site.drawing import sparkline
from reports.site.render import number, render
from reports.terminal import STATUS, figure

Record = Mapping[str, Any]

#: order in which the tiles count what stands how
_STANDINGS = (
    "met",
    "on-track",
    "at-risk",
    "off-track",
    "target-pending",
    "qualitative",
    "no-data",
    "not-applicable",
)


def overview_page(
    districts: Sequence[Record], episodes: Sequence[Record], run: Record, common: Record
) -> bytes:
    """Return the overview: both districts' plans, open alerts, the latest of air and water, the run in one line.

    Parameters
    ----------
    districts
        One record a district: key, name_zh, name_en, plans (as `plan_years` gives them), air (last day), water.
    episodes
        Open ones: id, district, level_zh, level_en, state_zh, state_en, since, until, message_zh, message_en.
    run
        run_date, kind, status, failures, findings, known_at.
    common
        nav, here, names.
    """
    return render(
        "site_overview.html",
        title=("总览", "Overview"),
        districts=districts,
        episodes=episodes,
        run=run,
        **common,
    )


def plan_page(district: Record, plans: Sequence[Record], common: Record) -> bytes:
    """Return a district's plan page: every plan and year, with a chart for each indicator that has a path."""
    return render(
        "site_plan.html",
        depth=1,
        charts=True,
        title=(f"{district['name_zh']} 规划指标", f"{district['name_en']}: plan indicators"),
        district=district,
        plans=plans,
        **common,
    )


def plan_years(plans: Sequence[Record], records: Sequence[Record]) -> list[dict[str, Any]]:
    """Put records of all years beside what the plan says of its indicators.

    Parameters
    ----------
    plans
        id, title_zh, title_en, first_year, last_year, document, indicators (number, name_zh, name_en, unit, kind,
        better, group_zh, group_en, baseline [year, value] or None, target [year, value] or None, decimals).
    records
        Rows of `indicator_results`, every plan and year.

    Returns
    -------
    list of dict
        One a plan: its facts, `period` (the latest year on record), `counts` (status -> indicators), `rows` (the record
        of that year, the plan's facts, `spark`, `years` and `chart`).
    """
    found = []
    for plan in plans:
        mine = [record for record in records if record["plan"] == plan["id"]]
        if not mine:
            continue
        period = max(str(record["period"]) for record in mine)
        by_number: dict[int, list[Record]] = {}
        for record in sorted(mine, key=lambda record: str(record["period"])):
            by_number.setdefault(int(record["indicator"]), []).append(record)
        rows = [
            _row(fact, by_number[fact["number"]], period)
            for fact in plan["indicators"]
            if fact["number"] in by_number
        ]
        standing = [row["record"]["status"] for row in rows]
        counts = [(STATUS[status], standing.count(status)) for status in _STANDINGS if status in standing]
        found.append({**plan, "period": period, "rows": rows, "counts": counts})
    return found


def _row(fact: Record, years: Sequence[Record], period: str) -> dict[str, Any]:
    latest = next((record for record in years if str(record["period"]) == period), years[-1])
    first = tuple(fact["baseline"]) if fact["baseline"] else None
    goal = tuple(fact["target"]) if fact["target"] else None
    band = None
    if latest["low"] is not None and latest["high"] is not None:
        band = (int(period), float(latest["low"]), float(latest["high"]))
    numbers = [int(record["period"]) for record in years]
    values = [record["value"] for record in years]
    told = [
        f"{year} {figure(value, fact['unit'], fact['decimals'])}"
        for year, value in zip(numbers, values, strict=True)
        if value is not None
    ]
    line = "、".join(told)
    has_path = any(value is not None for value in values)
    with_first = [first[0], *numbers] if first else numbers
    return {
        "fact": fact,
        "record": latest,
        "years": years,
        "projected": _projected(latest, fact),
        "spark": sparkline(
            with_first,
            [first[1], *values] if first else values,
            first=first,
            goal=goal,
            band=band,
            words=(f"{fact['name_zh']}：{line}", f"{fact['name_en']}: {', '.join(told)}"),
        )
        if has_path
        else "",
        "chart": _chart(fact, years, first, goal) if has_path else None,
    }


def _projected(record: Record, fact: Record) -> str:
    """Return the projection with its interval, e.g. `43.1（41.0–45.2）`; nothing where there is none."""
    if record["projection"] is None:
        return ""
    places = int(fact["decimals"]) if fact["unit"] == "%" else max(int(fact["decimals"]), 1)
    text = number(record["projection"], places)
    if record["low"] is not None and record["high"] is not None:
        text += f"（{number(record['low'], places)}–{number(record['high'], places)}）"
    return text


def _chart(
    fact: Record, years: Sequence[Record], first: tuple[Any, ...] | None, goal: tuple[Any, ...] | None
) -> dict[str, Any]:
    values = {int(record["period"]): record["value"] for record in years}
    if first:
        values.setdefault(int(first[0]), first[1])
    last = max([*values, int(goal[0])] if goal else values)
    axis = list(range(min(values), last + 1))
    series = [{"name": ["数值", "value"], "data": [values.get(year) for year in axis]}]
    if first and goal and first[0] < goal[0]:
        step = (goal[1] - first[1]) / (goal[0] - first[0])
        road = [
            round(first[1] + step * (year - first[0]), 3) if first[0] <= year <= goal[0] else None
            for year in axis
        ]
        series.append({"name": ["基数至目标的直线", "straight road to the target"], "data": road})
    return {
        "kind": "line",
        "title": [fact["name_zh"], fact["name_en"]],
        "unit": fact["unit"],
        "x": [str(year) for year in axis],
        "series": series,
        "scale": True,
        "fit": True,
        "limits": [{"value": goal[1], "name": ["目标", "target"]}] if goal else [],
    }
