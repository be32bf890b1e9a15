"""Why an indicator has its value: the plan's target, the rule, the days, sections or returns that went in, their files."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

import pandas as pd
from sqlalchemy import func, select

from flows.evaluate import AIR, registry_of, scope_of
from flows.explain.air import explain_air_day
from flows.explain.chain import Asked, Chain, said_number, words_of
from indicators.air_editions import in_force_on_its_day
from indicators.plan_facts import GOOD_DAY_RATIO, PM2_5_MEAN, is_cumulative
from indicators.plan_points import BLACK_ODOROUS, GROUNDWATER_V, STATE
from indicators.registry import NoStandardError, Registry
from reports.terminal import STATUS
from vocabulary.clock import today, wall_time
from vocabulary.plan import Indicator, Plan
from vocabulary.water_class import class_sign
from warehouse import bulk
from warehouse.recall import believed, recall_table
from warehouse.schema import (
    air_days,
    aqi_days,
    deliveries,
    indicator_results,
    readings,
    section_results,
    series,
)

#: figures and documents of any day count
_FROM = datetime(1990, 1, 1)


def explain_indicator(asked: Asked, number: int, year: int) -> list[dict[str, Any]]:
    """Return the chain of one indicator of the district's plan in a year; nothing where it is not on record."""
    chain = Chain(asked)
    registry = registry_of(asked.district)
    rows = recall_table(
        asked.connection,
        indicator_results,
        indicator_results.c.district == asked.district.key,
        indicator_results.c.indicator == number,
        indicator_results.c.period == str(year),
        as_of=asked.as_of,
    ).sort_values("plan")
    plans = {plan.id: plan for plan in asked.district.plans}
    for record in rows.to_dict("records"):
        plan = plans.get(str(record["plan"]))
        top = _result(chain, record)
        if plan is None:
            continue
        indicator = next(item for item in plan.indicator if item.number == number)
        _plan_rules(chain, top, plan, indicator, year)
        _standards(chain, top, registry, str(record["standard"]))
        _inputs(chain, top, registry, plan, indicator, year)
    return chain.records()


def _result(chain: Chain, record: dict[str, Any]) -> int:
    shown = said_number(record["value"]) or "—"
    ratio = ""
    if pd.notna(record["denominator"]):
        ratio = f"（{said_number(record['numerator'])}/{said_number(record['denominator'])}）"
    status = STATUS.get(str(record["status"]), (record["status"], record["status"], ""))
    told = record["remaining"] or record["reason_zh"]
    return chain.step(
        "result",
        None,
        f"{record['name']} {shown} {record['unit']}{ratio}；{status[0]}" + (f"；{told}" if told else ""),
        f"indicator {record['indicator']}: {shown} {record['unit']}; {status[1]}; {record['reason_en']}",
        parameter=f"indicator-{record['indicator']}",
        period=record["period"],
        value=record["value"],
        unit=record["unit"],
        limit=record["target"],
        standard=record["standard"] or None,
        known_from=record["known_from"],
    )


def _plan_rules(chain: Chain, top: int, plan: Plan, indicator: Indicator, year: int) -> None:
    moment = chain.asked.as_of
    day = min(wall_time(moment).date() if moment else today(), date(year, 12, 31))
    target = indicator.target_at(day)
    said = said_number(target.value) or target.text
    facts = {"standard": target.document, "clause": target.reference, "sure": plan.sure}
    chain.step(
        "rule",
        top,
        f"规划目标 {target.year} 年 {said} {indicator.unit}",
        f"target of {target.year}: {said} {indicator.unit}",
        limit=said,
        **facts,
    )
    for base in indicator.baseline:
        chain.step(
            "rule",
            top,
            f"基数 {base.year} 年 {said_number(base.value)} {base.unit}",
            f"baseline of {base.year}: {said_number(base.value)} {base.unit}",
            standard=plan.document,
            clause=base.reference,
            sure=plan.sure,
        )


def _standards(chain: Chain, top: int, registry: Registry, labels: str) -> None:
    for label in (part.strip() for part in labels.split(";") if part.strip()):
        try:
            found = registry.get(label)
        except NoStandardError:
            chain.step("rule", top, label, label, standard=label)
            continue
        chain.step(
            "rule",
            top,
            found.title_zh,
            found.title_en,
            standard=found.label,
            clause=found.source,
            sure=found.sure,
        )


def _inputs(chain: Chain, top: int, registry: Registry, plan: Plan, indicator: Indicator, year: int) -> None:
    """Add what feeds the indicator; then what departments stated for it, which never takes its place."""
    statistic = indicator.feeder.statistic
    start, end = datetime(year, 1, 1), datetime(year + 1, 1, 1)
    if statistic == PM2_5_MEAN:
        _air(chain, top, registry, start, end, "pm2_5")
    elif statistic == GOOD_DAY_RATIO:
        _air(chain, top, registry, start, end, None)
    elif indicator.feeder.levels:
        _sections(chain, top, indicator.feeder.levels, start, end)
    elif is_cumulative(indicator):
        names = [f"{statistic}_{kind}" for kind in ("recognised", "claimed", "offset")]
        _told(chain, top, "重点工程减排台账", "reduction ledger", names, datetime(plan.first_year, 1, 1), end)
    elif statistic == BLACK_ODOROUS:
        _told(chain, top, "黑臭水体清单", "register of black-odorous waters", [STATE], start, end)
    elif statistic == GROUNDWATER_V:
        sites = chain.asked.district.sites
        wells = sites[(sites["kind"] == "point") & (sites["medium"] == "groundwater")]["key"].tolist()
        _told(chain, top, "地下水点位监测", "groundwater points", None, start, end, wells)
    stated = [f"stat_{statistic}", f"stat_{statistic}_trend"]
    _told(chain, top, "统计报表填报", "statistics return", stated, _FROM, end)
    _told(
        chain,
        top,
        "下达目标文件",
        "document with a target",
        [f"target_{statistic}"],
        _FROM,
        datetime(2100, 1, 1),
    )


def _told(
    chain: Chain,
    top: int,
    zh: str,
    en: str,
    names: Sequence[str] | None,
    start: datetime,
    end: datetime,
    sites: Sequence[str] | None = None,
) -> None:
    """Add readings of ledgers, returns, registers or wells."""
    found = chain.asked.recall(start, end, sites=sites, wanted=names)
    if found.empty:
        return
    step = chain.step(
        "input",
        top,
        f"{zh}：{len(found)} 个填报值",
        f"{en}: {len(found)} figures",
        n_readings=len(found),
        used=True,
    )
    chain.leaves(step, found)


def _air(
    chain: Chain, top: int, registry: Registry, start: datetime, end: datetime, parameter: str | None
) -> None:
    """Add the days of the year, worst first, the files of their hours, and the worst day down to its hours."""
    asked = chain.asked
    table = air_days if parameter else aqi_days
    rows = recall_table(
        asked.connection, table, *scope_of(table, asked.district, start, end, sites=[""]), as_of=asked.as_of
    )
    rows["day"] = rows["day"].astype("datetime64[us]")
    if parameter:
        rows = rows[rows["parameter"] == parameter].rename(columns={"value": "figure"})
    else:
        rows = in_force_on_its_day(rows, registry).rename(columns={"aqi": "figure", "edition": "standard"})
    if rows.empty:
        return
    valid = int(rows["valid"].astype(bool).sum())
    zh, en = words_of(parameter) if parameter else ("AQI", "AQI")
    days = chain.step(
        "input",
        top,
        f"{zh} 日值 {len(rows)} 天，有效 {valid} 天，由高到低",
        f"{en}: {len(rows)} days, {valid} valid, the highest first",
        parameter=parameter or "aqi",
        n_readings=valid,
        used=True,
    )
    rows = rows.assign(figure=rows["figure"].astype("float64"))
    rows = rows.sort_values(["figure", "day"], ascending=[False, True], na_position="last")
    texts = rows["figure"].map(said_number).where(rows["figure"].notna(), "无效")
    chain.many(
        rows.assign(
            parent=days,
            kind="input",
            zh=rows["day"].dt.strftime("%Y-%m-%d ") + texts,
            en=rows["day"].dt.strftime("%Y-%m-%d ") + texts,
            parameter=parameter or "aqi",
            period="1d",
            at=rows["day"],
            value=rows["figure"],
            used=rows["valid"].astype(bool),
        )
    )
    _files(chain, top, _stations(asked), [parameter] if parameter else list(AIR), start, end, ["1h"])
    worst = rows[rows["figure"].notna()]
    if len(worst):
        day = worst["day"].iloc[0]
        step = chain.step(
            "input",
            top,
            f"最高的一天 {day:%Y-%m-%d}，直到原始文件",
            f"the highest day {day:%Y-%m-%d}, down to the files",
            at=day.to_pydatetime(),
            used=True,
        )
        inner = Asked(asked.connection, asked.district, asked.home, asked.as_of, parameter)
        chain.graft(step, explain_air_day(inner, "", day.to_pydatetime()))


def _stations(asked: Asked) -> list[str]:
    sites = asked.district.sites
    return sorted(set(sites.loc[sites["kind"] == "station", "key"]))


def _sections(chain: Chain, top: int, levels: Sequence[str], start: datetime, end: datetime) -> None:
    """Add the yearly class of every section counted, the files behind it, and its most telling reading."""
    asked = chain.asked
    sites = asked.district.sites.drop_duplicates("key", keep="last").set_index("key")
    counted = sorted(sites[(sites["kind"] == "section") & sites["level"].isin(levels)].index)
    rows = recall_table(
        asked.connection,
        section_results,
        *scope_of(section_results, asked.district, start, end, sites=counted, kinds=["year"]),
        as_of=asked.as_of,
    ).sort_values(["class", "site"], ascending=[False, True])
    for record in rows.to_dict("records"):
        number = None if pd.isna(record["class"]) else int(record["class"])
        sign = class_sign(number) if number else (record["reason"] or "—")
        site = str(record["site"])
        step = chain.step(
            "input",
            top,
            f"{sites.loc[site, 'name']} 年度 {sign} 类（详见 ecoplan explain {site} {record['period']}）",
            f"{site}: class {sign} of the year (see ecoplan explain {site} {record['period']})",
            site=site,
            period="year",
            at=record["start"],
            value=number,
            standard=record["standard"],
            used=bool(record["valid"]),
            n_readings=int(record["n_samples"]),
            known_from=record["known_from"],
        )
        items = [name for name in (str(record["worst"]) or str(record["items"])).split(",") if name]
        _files(chain, step, [site], str(record["items"]).split(","), start, end, None)
        found = asked.recall(start, end, sites=[site], wanted=items[:1])
        if len(found) and not asked.everything:
            at = found["value"].idxmin() if items[0] == "do" else found["value"].idxmax()
            chain.leaves(step, found.loc[[at]], notes=("其中最突出的一个监测值", "the most telling reading"))


def _files(
    chain: Chain,
    parent: int,
    sites: Sequence[str],
    wanted: Sequence[str],
    start: datetime,
    end: datetime,
    periods: Sequence[str] | None,
) -> None:
    """Add the files of the readings that went in, counted by the engine; every reading where all are asked for."""
    asked = chain.asked
    if asked.everything:
        chain.leaves(parent, asked.recall(start, end, sites=sites, wanted=wanted, periods=periods))
        return
    name = [deliveries.c.name.label("delivery"), deliveries.c.sha256, readings.c.sheet]
    query = (
        select(
            *name,
            func.count().label("n_readings"),
            func.min(readings.c.row).label("row"),
            func.max(readings.c.row).label("row_last"),
        )
        .select_from(
            readings.join(series, series.c.id == readings.c.series_id).join(
                deliveries, deliveries.c.id == readings.c.delivery_id
            )
        )
        .where(
            series.c.district == asked.district.key,
            series.c.site.in_(list(sites)),
            series.c.parameter.in_(list(wanted)),
            readings.c.observed_at >= start,
            readings.c.observed_at < end,
            believed(readings, asked.as_of),
        )
        .group_by(deliveries.c.name, deliveries.c.sha256, readings.c.sheet)
        .order_by(deliveries.c.name, deliveries.c.sha256)
    )
    if periods is not None:
        query = query.where(series.c.period.in_(list(periods)))
    files = bulk.fetch(asked.connection, query)
    if files.empty:
        return
    total = int(files["n_readings"].sum())
    step = chain.step(
        "input",
        parent,
        f"依据的监测值 {total} 个，来自 {len(files)} 份文件（--all 逐个列出）",
        f"{total} readings of {len(files)} files (--all lists each)",
        n_readings=total,
        used=True,
    )
    chain.files(step, files)
