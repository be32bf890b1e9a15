"""The plan (规划) as data: indicators, dated targets, secondary targets and milestones.

The shape of districts/<name>/plan*.toml. Facts are encoded with their reference (document and
table row); the source of every figure is the plan itself. What is done with a plan stands in
`indicators.plan`.
"""

from __future__ import annotations

from datetime import date
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

#: who manages a section or station: nation, province, city, district
Level = Literal["国控", "省控", "市控", "区控"]

#: how sure a rule is: verified, verified twice, partly, from memory, unknown, computed
Sure = Literal["V", "V2", "P", "M", "U", "C"]


class Strict(BaseModel):
    """A record of a data file: unknown keys are an error, values never change after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)


class Feeder(Strict):
    """Which statistic feeds the indicator and which kind of source it comes from.

    A share of sections says of which `levels` and which `classes` (1 … 6, 6 is 劣Ⅴ) are counted.
    """

    statistic: str = Field(min_length=1)
    source_zh: str = Field(min_length=1)
    source_en: str = Field(min_length=1)
    levels: tuple[Level, ...] = ()
    classes: tuple[int, ...] = ()

    @model_validator(mode="after")
    def _share_is_complete(self) -> Self:
        if bool(self.levels) != bool(self.classes):
            raise ValueError("a share of sections needs both `levels` and `classes`")
        return self


class Qualitative(Strict):
    """How a target in words is judged: the rule's name and what it says."""

    rule: Literal["evidence-by-hand", "eqi-change"]
    text: str = Field(min_length=1)
    note: str
    stable_within: float | None = Field(default=None, gt=0)

    @model_validator(mode="after")
    def _change_has_a_bound(self) -> Self:
        if (self.rule == "eqi-change") != (self.stable_within is not None):
            raise ValueError("`stable_within` belongs to the rule eqi-change and only to it")
        return self


class Baseline(Strict):
    """A past figure; its unit may differ from the target's (five-year reduction in %)."""

    year: int = Field(ge=2000, le=2100)
    value: float
    unit: str
    note: str = ""
    reference: str = ""


class Target(Strict):
    """A dated target: a number, or a state (handed down later, or qualitative) with its text."""

    year: int = Field(ge=2000, le=2100)
    value: float | None = None
    state: Literal["pending", "qualitative"] | None = None
    text: str = ""
    document: str = Field(min_length=1)
    reference: str
    dated: date

    @model_validator(mode="after")
    def _number_or_state(self) -> Self:
        if (self.value is None) == (self.state is None):
            raise ValueError("a target has either `value` or `state` (pending | qualitative)")
        return self


class Indicator(Strict):
    """One headline indicator of a plan; `basis_changed` is the plan's mark *."""

    number: int = Field(ge=1)
    key: str = Field(min_length=1)
    name_zh: str = Field(min_length=1)
    name_en: str = Field(min_length=1)
    unit: str
    decimals: int = Field(ge=0, le=6)
    group_zh: str
    group_en: str
    kind: Literal["binding", "anticipatory"]
    better: Literal["lower", "higher", "steady", "none"]
    basis_changed: bool
    feeder: Feeder
    qualitative: Qualitative | None = None
    baseline: tuple[Baseline, ...] = ()
    target: tuple[Target, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _words_have_a_rule(self) -> Self:
        in_words = any(target.state == "qualitative" for target in self.target)
        if in_words and self.qualitative is None:
            raise ValueError("a qualitative target needs `qualitative` with its rule")
        return self

    def target_at(self, as_of_day: date) -> Target:
        """Return the target of the plan's last year by the latest document known on that day.

        A later document supersedes an earlier one (具体目标最终以市下达任务为准); before the first
        document its target is used, because a plan is judged from its first year on.
        """
        last = max(target.year for target in self.target)
        dated = sorted((target for target in self.target if target.year == last), key=lambda t: t.dated)
        known = [target for target in dated if target.dated <= as_of_day]
        return known[-1] if known else dated[0]


class Secondary(Strict):
    """A further dated target in the text of the plan."""

    key: str = Field(min_length=1)
    name_zh: str
    name_en: str
    unit: str
    better: Literal["lower", "higher"]
    kind: Literal["monitored", "statistics", "qualitative"]
    year: int
    value: float | None = None
    comparison: Literal["<=", ">="] | None = None
    state: Literal["pending", "qualitative"] | None = None
    text: str = ""
    document: str
    reference: str

    @model_validator(mode="after")
    def _number_or_state(self) -> Self:
        if (self.value is None) == (self.state is None):
            raise ValueError("a secondary target has either `value` or `state`")
        if (self.value is None) != (self.comparison is None):
            raise ValueError("a secondary target with `value` needs `comparison` (<= or >=)")
        return self


class Milestone(Strict):
    """A duty with a day by which it is done."""

    key: str = Field(min_length=1)
    name_zh: str
    name_en: str
    due: date
    document: str


class Judging(Strict):
    """How a running year is judged: within `at_risk_margin` of the target it is at risk."""

    at_risk_margin: float = Field(ge=0, le=1)
    clause: str
    sure: Sure


class Plan(Strict):
    """A five-year plan (五年规划) of one district."""

    id: str = Field(min_length=1)
    district: str = Field(min_length=1)
    title_zh: str
    title_en: str
    first_year: int
    last_year: int
    baseline_year: int
    document: str
    dated: date
    sure: Sure
    judging: Judging
    indicator: tuple[Indicator, ...] = Field(min_length=1)
    secondary: tuple[Secondary, ...] = ()
    milestone: tuple[Milestone, ...] = ()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        numbers = [indicator.number for indicator in self.indicator]
        if numbers != list(range(1, len(numbers) + 1)):
            raise ValueError(f"indicators are numbered 1, 2, 3 … in order, found {numbers}")
        if not self.baseline_year < self.first_year <= self.last_year:
            raise ValueError("expected baseline_year < first_year <= last_year")
        return self

    def covers(self, year: int) -> bool:
        """Whether a year belongs to this plan's series."""
        return self.first_year <= year <= self.last_year
