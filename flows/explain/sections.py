"""Why a section has its class: items against their limits, and the readings behind each."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd

from flows.evaluate import registry_of, section_dry, sections_frame
from flows.explain.chain import Asked, Chain, said_number, unit_key, unit_of, words_of
from flows.used_readings import Used, divide, single_samplings
from indicators.registry import Registry, Standard
from indicators.water_dry import NOT_MEASURED
from indicators.water_evaluation import section_means
from indicators.water_limits import (
    CLASS_TOPIC,
    EVALUATION_TOPIC,
    calculation_values,
    classify_values,
    limit_rules,
)
from indicators.water_means import readings_used
from indicators.water_period import parse_period
from vocabulary.water_class import class_sign
from warehouse.recall import recall_table
from warehouse.schema import section_results

#: kind of period -> the rule of the mean, and how it is called
_MEANS = {"month": "mean.month", "year": "mean.year"}
_SIGNS = "ⅠⅡⅢⅣⅤ"


def explain_section(
    asked: Asked, site: str, start: datetime, end: datetime, kind: str
) -> list[dict[str, Any]]:
    """Return the chain of a section's samplings of a span, or of its month or year.

    Parameters
    ----------
    asked
        What is asked; `parameter` narrows it to one item.
    site
        Section key.
    start, end
        `start <= period < end`.
    kind
        sample, month or year.
    """
    chain = Chain(asked)
    rows = recall_table(
        asked.connection,
        section_results,
        section_results.c.district == asked.district.key,
        section_results.c.site == site,
        section_results.c.period_kind == kind,
        section_results.c.start >= start,
        section_results.c.start < end,
        as_of=asked.as_of,
    ).sort_values("start")
    registry = registry_of(asked.district)
    found = asked.recall(start, end, sites=[site])
    for record in rows.to_dict("records"):
        if kind == "sample":
            _sampling(chain, registry, record, found)
        else:
            _period(chain, registry, record, found)
    if rows.empty:
        top = chain.step(
            "result",
            None,
            "该时段没有评价结果",
            "no result of this time",
            site=site,
            at=start,
            period=kind,
        )
        chain.leaves(top, found[asked.wanted_in(found)], used=False)
        chain.rejected(top, [site], start, end)
    elif kind == "sample":
        chain.rejected(1, [site], start, end)
    return chain.records()


def _result(chain: Chain, registry: Registry, record: dict[str, Any]) -> tuple[int, Standard, Standard]:
    """Add the result with the rules it rests on; return its number and both standards."""
    day = pd.Timestamp(record["start"])
    last = day if record["period_kind"] == "sample" else pd.Period(record["period"]).end_time
    stated = str(record["standard"])
    water = registry.get(stated) if stated else registry.in_force(CLASS_TOPIC, last.date())
    evaluation = registry.in_force(EVALUATION_TOPIC, last.date())
    number = None if pd.isna(record["class"]) else int(record["class"])
    sign = class_sign(number) if number else (record["reason"] or "—")
    worst = [part for part in str(record["worst"]).split(",") if part]
    target = None if pd.isna(record["target_class"]) else class_sign(int(record["target_class"]))
    said = {
        "zh": [f"水质类别 {sign}", "主要污染指标 " + "、".join(words_of(item)[0] for item in worst)],
        "en": [f"class {sign}", "main pollutants " + ", ".join(words_of(item)[1] for item in worst)],
    }
    if not worst:
        said = {language: texts[:1] for language, texts in said.items()}
    if target:
        said["zh"].append(f"目标 {target}")
        said["en"].append(f"target {target}")
    if record["left_out"]:
        said["zh"].append(f"未采用监测值 {int(record['left_out'])} 个")
        said["en"].append(f"{int(record['left_out'])} readings not used")
    top = chain.step(
        "result",
        None,
        "；".join(said["zh"]),
        "; ".join(said["en"]),
        site=record["site"],
        period=record["period_kind"],
        at=day.to_pydatetime(),
        value=number,
        limit=target,
        standard=stated,
        known_from=record["known_from"],
    )
    return top, water, evaluation


def _sampling(chain: Chain, registry: Registry, record: dict[str, Any], found: pd.DataFrame) -> None:
    """Explain one sampling: single unrounded values, the worst item gives the class."""
    asked = chain.asked
    top, water, evaluation = _result(chain, registry, record)
    chain.rule(
        top,
        evaluation,
        "items.section",
        "参评项目（单因子评价，取最差项）",
        "items; the worst one gives the class",
    )
    mine = found[(found["observed_at"] == record["start"]) & ~found["parameter"].isin(NOT_MEASURED)]
    used = divide(asked.connection, asked.district, mine, "real-time-class", as_of=asked.as_of)
    # a sampling that is as bad with its flagged readings keeps them, and then none is left out
    kept = mine if not record["left_out"] else used.kept
    kept = single_samplings(kept)
    values, _ = calculation_values(kept, float(evaluation.rule("non_detect.mean")["factor"]))
    items = kept.assign(figure=values, undetected=kept["censor"] == "<")
    _items(chain, top, water, items, record)
    others = (
        mine[~mine.index.isin(mine.merge(kept, how="inner").index)] if len(kept) < len(mine) else mine[:0]
    )
    _unused(chain, top, used, others)


def _items(
    chain: Chain,
    top: int,
    water: Standard,
    items: pd.DataFrame,
    record: dict[str, Any],
    behind: dict[str, pd.DataFrame] | None = None,
) -> None:
    """Add one step an item that took part, the worst first, with its rule and its readings.

    `items` has one row a parameter with `figure`, its value to compare; `behind` the readings of each where
    the figure is a mean.
    """
    asked = chain.asked
    waterbody = str(sections_frame(asked.district).set_index("site")["waterbody"].get(record["site"], ""))
    taken = set(str(record["items"]).split(","))
    items = items[items["parameter"].isin(taken) & asked.wanted_in(items)]
    classes = np.array(
        [
            int(classify_values(name, np.array([figure]), waterbody, water)[0])
            for name, figure in zip(items["parameter"], items["figure"], strict=True)
        ],
        dtype=np.int64,
    )
    items = items.assign(item_class=classes).sort_values(
        ["item_class", "parameter"], ascending=[False, True], kind="stable"
    )
    worst = int(items["item_class"].max()) if len(items) else 0
    for item in items.to_dict("records"):
        name, sign = str(item["parameter"]), class_sign(int(item["item_class"]))
        zh, en = words_of(name)
        rule = _limit_rule(water, name, waterbody)
        figure = f"{said_number(item['figure'])} {unit_of(name)}".strip()
        more = "（低于检出限，按一半计）" if item["undetected"] else ""
        mean = item.get("n")
        counted = "" if mean is None else f"，{int(mean)} 个监测值的均值 {said_number(item['mean'], 8)} 修约"
        step = chain.step(
            "input",
            top,
            f"{zh} {figure}{counted}{more} → {sign} 类",
            f"{en} {figure}{'' if mean is None else f', mean of {int(mean)} readings'} → class {sign}",
            site=record["site"],
            parameter=name,
            at=record["start"],
            value=item["figure"],
            unit=unit_key(name),
            limit=_limits(rule),
            standard=water.label,
            clause=rule["clause"],
            sure=rule["sure"],
            used=True,
            n_readings=1 if mean is None else int(mean),
        )
        own = items.loc[items["parameter"] == name].drop(columns=["figure", "undetected", "item_class"])
        if behind is not None:
            own = behind.get(name, own[:0])
        detailed = behind is None or item["item_class"] == worst or asked.parameter == name
        chain.leaves(step, own, listed=detailed, lowest=rule["kind"] == "lower")


def _limit_rule(water: Standard, parameter: str, waterbody: str) -> Any:
    rules = [rule for rule in limit_rules(parameter, water) if rule["waterbody"] in ("any", waterbody)]
    return rules[0]


def _limits(rule: Any) -> str:
    """Write the limits of a rule from Ⅰ to Ⅴ: `Ⅰ≤0.15 Ⅱ≤0.5 …`."""
    if rule["kind"] == "range":
        low, high = rule["limits"][-1]
        return f"{low:g}~{high:g}"
    side = "≥" if rule["kind"] == "lower" else "≤"
    return " ".join(f"{sign}{side}{limit:g}" for sign, limit in zip(_SIGNS, rule["limits"], strict=False))


def _period(chain: Chain, registry: Registry, record: dict[str, Any], found: pd.DataFrame) -> None:
    """Explain a month or a year: rounded means by item, never the mean of classes."""
    asked = chain.asked
    site, kind = str(record["site"]), str(record["period_kind"])
    span = pd.Period(record["period"])
    start, end = span.start_time.to_pydatetime(), (span + 1).start_time.to_pydatetime()
    top, water, evaluation = _result(chain, registry, record)
    chain.rule(
        top, evaluation, _MEANS[kind], "时段均值（先平均浓度，后定类别）", "means first, then the class"
    )
    chain.rule(
        top,
        evaluation,
        "items.section",
        "参评项目（单因子评价，取最差项）",
        "items; the worst one gives the class",
    )
    mine = found[(found["observed_at"] >= start) & (found["observed_at"] < end)]
    mine = mine[~mine["parameter"].isin(NOT_MEASURED)]
    used = divide(asked.connection, asked.district, mine, "evaluation", as_of=asked.as_of)
    dry = section_dry(asked.connection, asked.district, [site], start, end, as_of=asked.as_of)
    sections = sections_frame(asked.district)
    means = section_means(
        used.kept, sections[sections["site"] == site], str(record["period"]), registry=registry, dry=dry
    )
    items = means.rename(columns={"rounded": "figure", "nd": "undetected"})
    taken = readings_used(used.kept, parse_period(str(record["period"])), dry)
    behind = {str(name): part for name, part in taken.groupby("parameter")}
    _items(chain, top, water, items, record, behind)
    _unused(chain, top, used, mine[:0])


def _unused(chain: Chain, top: int, used: Used, others: pd.DataFrame) -> None:
    """Add the readings that are there and were not used, with why."""
    asked = chain.asked
    why = (
        (used.marked, "平台标记，未采用", "not used: the provider's mark"),
        (used.flagged, "质控标记，未采用", "not used: a verdict of our own"),
        (others, "同时有自动监测值，未采用", "not used: an automatic reading stands beside it"),
    )
    for left, zh, en in why:
        rows = left[asked.wanted_in(left)]
        if len(rows):
            step = chain.step("input", top, f"{zh}：{len(rows)} 个", f"{en}: {len(rows)}", used=False)
            chain.leaves(step, rows, used=False)
