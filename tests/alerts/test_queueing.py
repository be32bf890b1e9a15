"""One step becomes messages: for whom, not before when, with which links, trend and neighbours."""

from __future__ import annotations

import datetime as dt

import pandas as pd
import pytest
from sqlalchemy import Engine, insert, select

from alerts.links import Links
from alerts.messages import facts_on_record
from alerts.queueing import queue_step
from alerts.routing_settings import ChannelSettings, Person, Quiet, Reach, Role, Rota, Route, Routing
from alerts.rules import AlertSettings
from tests.alerts.kinds import SECTION, example_of
from warehouse.schema import episodes, outbox, section_results

# 03:00 on Wednesday in Shanghai
AT = dt.datetime(2026, 3, 24, 19)
LINKS = Links("https://eco.example.cn", ("a secret of the tests that is long enough for links",))
ROUTING = Routing(
    channel=tuple(ChannelSettings(key=key, kind="console") for key in ("group", "phone", "boss")),
    person=(Person(key="a", name="甲", channels=("phone",)),),
    role=(
        Role(key="duty", name_zh="值班员", name_en="duty officer", channels=("group",)),
        Role(key="leader", name_zh="分管领导", name_en="leader", channels=("boss",)),
    ),
    rota=(Rota(role="duty", people=("a",), start=dt.time(20), end=dt.time(8)),),
    route=(Route(rule="*", roles=("duty", "leader")),),
    quiet=(Quiet(levels=("orange",), start=dt.time(22), end=dt.time(7)),),
    reach=(Reach(river="茌新河", sections=("S0", "S1", "S2", "S3")),),
)
SITES = pd.DataFrame(
    {
        "key": ["S0", "S1", "S2", "S3", "S9"],
        "name": ["上游断面", "茌新河示例断面", "下游断面", "更下游断面", "别河断面"],
        "river": ["茌新河", "茌新河", "茌新河", "茌新河", "徒骇河"],
    }
)


@pytest.fixture
def told(engine: Engine, settings: AlertSettings):
    """Queue a step of an episode on record; return the rows that made."""
    rule = settings.rule("section-worse-than-v")
    _, facts = example_of(rule)
    routed = settings.model_copy(update={"routing": ROUTING})
    with engine.begin() as connection:
        number = connection.execute(
            insert(episodes)
            .values(
                rule=rule.id,
                district="chiping",
                subject="S1",
                level="orange",
                state="firing",
                since=facts.since.to_pydatetime(),
                limit="",
                evidence="",
                message_zh="",
                message_en="",
                history=False,
                known_at=AT,
                updated_at=AT,
                **{"class": 6},
            )
            .returning(episodes.c.id)
        ).scalar_one()

    def queue(step: str, at: dt.datetime = AT, *, level: str = "orange", **given: object) -> list[dict]:
        with engine.begin() as connection:
            row = dict(connection.execute(select(episodes).where(episodes.c.id == number)).mappings().one())
            before = set(connection.execute(select(outbox.c.id)).scalars())
            count = queue_step(
                connection,
                routed,
                row | {"level": level},
                step,
                step.partition("-")[0],
                at,
                **{"place": SECTION, "facts": facts, "rule": rule, "links": LINKS, "sites": SITES, **given},  # type: ignore[arg-type]
            )
            rows = connection.execute(select(outbox).order_by(outbox.c.id)).mappings()
            made = [dict(row) for row in rows if row["id"] not in before]
            assert count == len(made)
            return made

    return queue


def sample(site: str, at: str, number: int, **changes: object) -> dict:
    values = {
        "district": "chiping",
        "site": site,
        "period_kind": "sample",
        "period": at,
        "start": dt.datetime.fromisoformat(at),
        "class": number,
        "items_used": 5,
        "items": "",
        "worst": "",
        "multiples": "",
        "nd_limited": False,
        "n_samples": 1,
        "valid": True,
        "reason": "",
        "mode": "",
        "standard": "",
        "known_from": AT,
        "known_until": None,
    }
    return values | changes


def test_a_step_is_written_once_for_who_is_on_duty(told) -> None:
    (row,) = told("firing")
    assert (row["channel"], row["role"], row["step"], row["kind"]) == ("phone", "duty", "firing", "episode")
    assert row["idempotency_key"] == "section-worse-than-v:chiping:S1:202603240800:firing:phone"
    assert told("firing") == []
    (row,) = told("escalated-1")
    assert (row["channel"], row["role"]) == ("boss", "leader")
    assert "现通知分管领导" in row["body"]
    assert [row["channel"] for row in told("resolved")] == ["phone", "boss"]


def test_a_message_waits_for_the_end_of_the_quiet_hours_unless_it_is_red(told) -> None:
    assert [row["not_before"] for row in told("firing")] == [dt.datetime(2026, 3, 24, 23)]
    assert [row["not_before"] for row in told("worsened-1", level="red")] == [AT]
    noon = dt.datetime(2026, 3, 25, 4)
    assert {row["not_before"] for row in told("reminder-1", noon)} == {noon}


def test_the_links_are_of_the_episode_and_of_their_purpose(told) -> None:
    (row,) = told("firing")
    found = {
        label: line.removeprefix(f"{label}：")
        for line in row["body"].splitlines()
        for label in ("查看与签收", "静默")
        if line.startswith(f"{label}：")
    }
    acknowledge = LINKS.read(found["查看与签收"].rsplit("/", 1)[1], "acknowledge", now=AT)
    silence = LINKS.read(found["静默"].rsplit("/", 1)[1], "silence", now=AT)
    assert acknowledge.episode_id == silence.episode_id == row["episode_id"]
    (over,) = told("resolved")
    assert "签收" not in over["body"]
    token = over["body"].split("查看：")[1].splitlines()[0].rsplit("/", 1)[1]
    assert LINKS.read(token, "view", now=AT).episode_id == row["episode_id"]


def test_without_a_secret_the_message_names_the_command(told, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ECOPLAN_LINK_SECRET", raising=False)
    (row,) = told("firing", links=None)
    assert f"ecoplan alerts ack {row['episode_id']}" in row["body"]
    assert "https://" not in row["body"]


def test_neighbours_are_told_in_the_order_of_the_water_and_only_when_fresh(told, engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(
            insert(section_results),
            [
                sample("S0", "2026-03-24T04:00", 3),
                sample("S0", "2026-03-24T08:00", 4),
                sample("S2", "2026-03-24T12:00", 6),
                sample("S2", "2026-03-24T16:00", 5),  # after the last reading told
                sample("S3", "2026-03-24T12:00", 6),  # two sections away
                sample("S9", "2026-03-24T12:00", 2),
            ],
        )
    (row,) = told("firing")
    assert "上游：上游断面 Ⅳ类（2026-03-24 08:00）" in row["body"]
    assert "下游：下游断面 劣Ⅴ类（2026-03-24 12:00）" in row["body"]
    assert "更下游断面" not in row["body"]
    assert "别河断面" not in row["body"]
    (annulled,) = told("annulled")
    assert "上游" not in annulled["body"]


def test_an_old_or_ended_sampling_of_a_neighbour_says_nothing(told, engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(
            insert(section_results),
            [
                sample("S0", "2026-03-22T12:00", 3),
                sample("S2", "2026-03-24T12:00", 2, known_until=AT),
            ],
        )
    (row,) = told("firing")
    assert "上游" not in row["body"]
    assert "下游" not in row["body"]


def test_facts_of_an_episode_on_record_are_those_of_its_row() -> None:
    row = {
        "evidence": '{"n_readings": 4, "bound_class": 5, "condition_zh": "连续 2 次即报", "details": {"aqi": 231}, "readings": ['
        '{"parameter": "nh3_n", "value": 2.4, "limit": 2.0, "multiple": 0.2, "unit": "mg/L", "observed_at": "2026-03-24 08:00",'
        ' "delivery": "a.csv", "sheet": "", "row": 2, "column": "c"},'
        '{"parameter": "nh3_n", "value": 3.5, "limit": 2.0, "multiple": 0.75, "unit": "mg/L", "observed_at": "2026-03-24 12:00",'
        ' "delivery": "a.csv", "sheet": "", "row": 3, "column": "c", "flags": "flat_line=3"}]}',
        "since": dt.datetime(2026, 3, 24, 8),
        "until": None,
        "class": 6,
    }
    facts = facts_on_record(row, known_at=AT)
    assert (facts.n_readings, facts.worst_class, facts.bound_class) == (4, 6, 5)
    assert (facts.peak_at, facts.last_seen) == (
        pd.Timestamp("2026-03-24 12:00"),
        pd.Timestamp("2026-03-24 12:00"),
    )
    assert [(factor.zh, factor.measured, factor.flags) for factor in facts.factors] == [
        ("氨氮", "2.4 mg/L", ""),
        ("氨氮", "3.5 mg/L", "flat_line=3"),
    ]
    assert dict(facts.details) == {"aqi": "231"}
    bare = facts_on_record(row | {"evidence": "", "class": None}, known_at=AT)
    assert (bare.worst_class, bare.factors, bare.peak_at) == (None, [], bare.since)
