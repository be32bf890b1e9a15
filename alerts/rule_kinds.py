"""What each kind of rule must say and may say, beside what every rule says.

A kind is a way to look at data (`flows/conditions_*.py`); its thresholds are the rule's, in `alerts.toml`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

Kind = Literal[
    "section-class",
    "section-target",
    "section-nearing",
    "section-incoming",
    "aqi-level",
    "outlet-exceedance",
    "data-flat",
    "data-missing",
    "transmission-rate",
    "indicator-off-track",
    "source-silent",
    "coverage-down",
    "quarantine-share",
    "flag-drift",
]
Basis = Literal["sample", "hour", "day", "month", "year"]
Medium = Literal["surface_water", "air", "emission", "any", "plan", "pipeline"]


@dataclass(frozen=True)
class Terms:
    """The keys a rule of one kind must have (`needs`) and may have, the bases and the media it may name."""

    needs: frozenset[str]
    may: frozenset[str]
    bases: frozenset[str]
    media: frozenset[str]


def _terms(needs: str, may: str = "", *, bases: str, media: str) -> Terms:
    return Terms(*(frozenset(words.split()) for words in (needs, may, bases, media)))


TERMS: dict[str, Terms] = {
    # class of a sampling, of a day's means or of a month's, against a class for every section
    "section-class": _terms(
        "raise_class clear_class", "raise_multiple", bases="sample day month", media="surface_water"
    ),
    # class of a month against the section's own target
    "section-target": _terms("raise_steps", bases="month", media="surface_water"),
    # an item between raise_share and the whole of the class Ⅴ limit, and rising for `rising` samplings
    "section-nearing": _terms(
        "raise_class raise_share clear_share rising", bases="sample", media="surface_water"
    ),
    # a section where water comes in: raise_steps classes worse than the middle of compare_days before
    "section-incoming": _terms("sections raise_steps compare_days", bases="day", media="surface_water"),
    "aqi-level": _terms("raise_above clear_at", bases="day", media="air"),
    "outlet-exceedance": _terms("verdicts", bases="hour day", media="emission"),
    # days with verdicts of these tests, other days of the site are good
    "data-flat": _terms("tests", bases="day", media="any surface_water air emission"),
    # share of the day's expected times that an automatic site gave
    "data-missing": _terms("raise_share clear_share", bases="day", media="any surface_water air emission"),
    "transmission-rate": _terms("raise_share clear_share", bases="day", media="emission"),
    "indicator-off-track": _terms("raise_status clear_status", bases="year", media="plan"),
    # days without any reading, more than the source's late_days
    "source-silent": _terms("sources", bases="day", media="pipeline"),
    # readings a day of a source, as a share of the middle of compare_days before
    "coverage-down": _terms("sources raise_share clear_share compare_days", bases="day", media="pipeline"),
    # share of a day's cells that were quarantined
    "quarantine-share": _terms("sources raise_share clear_share", bases="day", media="pipeline"),
    # share of a source's readings of a day that carry a verdict of our own, against compare_days before
    "flag-drift": _terms("sources raise_share clear_share", bases="day", media="pipeline"),
}

#: keys of the rule that only some kinds know
SPECIAL: frozenset[str] = frozenset[str]().union(*(terms.needs | terms.may for terms in TERMS.values()))
#: kinds whose share is bad when it is low
SHARES_FALL = frozenset({"data-missing", "transmission-rate", "coverage-down"})

if set(TERMS) != set(get_args(Kind)):
    raise LookupError("every kind of rule needs its terms, and no other")
