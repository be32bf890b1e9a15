"""What the engine's SQL needs to know of the standards: which rules hold on which days of air."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from itertools import pairwise

from indicators.air_editions import limit_of
from indicators.registry import Registry
from warehouse.day_rule import DayRule, MaximumRule


def day_rules(registry: Registry, start: datetime, end: datetime) -> list[DayRule]:
    """Return the rules of the days `start <= day < end`, one for each pair of editions in force.

    Raises
    ------
    indicators.registry.NoStandardError
        When a day has no edition of air-evaluation or of air-quality-limits.
    """
    topics = ("air-evaluation", "air-quality-limits")
    begins = {standard.valid_from for topic in topics for standard in registry.of_topic(topic)}
    ends = {
        standard.valid_to + timedelta(days=1)
        for topic in topics
        for standard in registry.of_topic(topic)
        if standard.valid_to is not None
    }
    turns = {datetime.combine(day, time()) for day in begins | ends}
    cuts = [start, *sorted(turn for turn in turns if start < turn < end), end]
    rules = []
    for first, last in pairwise(cuts):
        evaluation = registry.in_force("air-evaluation", first.date())
        limits = registry.in_force("air-quality-limits", first.date())
        ozone = evaluation.rule("ozone")
        rules.append(
            DayRule(
                start=first,
                end=last,
                standard=evaluation.label,
                day_hours=int(evaluation.rule("validity")["day_hours"]),
                maximum=MaximumRule(
                    window_hours=int(ozone["window_hours"]),
                    window_needs=int(ozone["window_needs"]),
                    first_end=int(ozone["first_end"]),
                    last_end=int(ozone["last_end"]),
                ),
                windows=int(ozone["windows"]),
                mda8_limit=limit_of(limits, "o3", ozone["counts_above"]),
                peak_limit=limit_of(limits, "o3", evaluation.rule("ozone_1h")["counts_above"]),
            )
        )
    return rules
