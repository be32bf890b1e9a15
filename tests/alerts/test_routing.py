from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.routing import addressees, held_until, on_duty
from alerts.routing_settings import (
    ChannelSettings,
    Person,
    Quiet,
    Reach,
    Role,
    Rota,
    Route,
    Routing,
    RoutingText,
    check_routing,
)

CHANNELS = tuple(
    ChannelSettings(key=key, kind="console") for key in ("wall", "desk", "phone-a", "phone-b", "boss", "log")
)
ROUTING = Routing(
    channel=CHANNELS,
    person=(
        Person(key="a", name="甲", channels=("phone-a",)),
        Person(key="b", name="乙", channels=("phone-b", "desk")),
    ),
    role=(
        Role(key="duty", name_zh="值班员", name_en="duty officer", channels=("desk",)),
        Role(key="head", name_zh="科长", name_en="head", channels=("wall",)),
        Role(key="leader", name_zh="分管领导", name_en="leader", channels=("boss",)),
    ),
    rota=(
        # Monday to Friday by day; the night of Friday; a week of May by the other
        Rota(role="duty", people=("a",), weekdays=(1, 2, 3, 4, 5), start=dt.time(8, 30), end=dt.time(17, 30)),
        Rota(role="duty", people=("b",), weekdays=(5,), start=dt.time(17, 30), end=dt.time(8, 30)),
        Rota(role="head", people=("b",), valid_from=dt.date(2026, 5, 1), valid_to=dt.date(2026, 5, 7)),
    ),
    route=(
        Route(rule="*", roles=("duty", "head", "leader"), channels=("log",)),
        Route(rule="quiet-one", channels=("log",)),
    ),
    quiet=(Quiet(levels=("blue", "yellow"), start=dt.time(22), end=dt.time(7, 30)),),
)
# 2026-04-17 is a Friday
FRIDAY_NOON = dt.datetime(2026, 4, 17, 12)


def told(
    step: str, wall: dt.datetime = FRIDAY_NOON, before: tuple = (), rule: str = "any"
) -> list[tuple[str, str]]:
    return [(one.channel.key, one.role) for one in addressees(ROUTING, rule, step, wall, before)]


@pytest.mark.parametrize(
    ("wall", "people"),
    [
        ("2026-04-17 08:29", []),
        ("2026-04-17 08:30", ["a"]),
        ("2026-04-17 17:29", ["a"]),
        ("2026-04-17 17:30", ["b"]),
        ("2026-04-18 08:29", ["b"]),  # Saturday morning still belongs to the night of Friday
        ("2026-04-18 08:30", []),
        ("2026-04-16 23:00", []),  # Thursday has no night shift
        ("2026-04-17 03:00", []),  # nor has the morning after it
    ],
)
def test_a_shift_begins_ends_and_passes_midnight(wall: str, people: list[str]) -> None:
    assert on_duty(ROUTING, "duty", dt.datetime.fromisoformat(wall)) == people


@pytest.mark.parametrize(
    ("day", "people"), [("2026-04-30", []), ("2026-05-01", ["b"]), ("2026-05-07", ["b"]), ("2026-05-08", [])]
)
def test_a_rota_is_good_for_its_days_both_included(day: str, people: list[str]) -> None:
    assert on_duty(ROUTING, "head", dt.datetime.fromisoformat(f"{day} 23:59")) == people


def test_a_beginning_goes_to_who_is_on_duty_and_to_the_routes_channels() -> None:
    assert told("firing") == [("log", ""), ("phone-a", "duty")]
    assert told("firing", dt.datetime(2026, 4, 17, 20)) == [
        ("log", ""),
        ("phone-b", "duty"),
        ("desk", "duty"),
    ]


def test_while_nobody_stands_on_the_rota_the_role_has_its_own_channel() -> None:
    assert told("firing", dt.datetime(2026, 4, 19, 12)) == [("log", ""), ("desk", "duty")]


def test_each_escalation_goes_one_role_further_and_stays_at_the_last() -> None:
    assert [told(f"escalated-{number}") for number in (1, 2, 3, 9)] == [
        [("wall", "head")],
        [("boss", "leader")],
        [("boss", "leader")],
        [("boss", "leader")],
    ]


def test_an_end_or_a_correction_goes_to_who_was_told_and_to_nobody_else() -> None:
    before = (("log", ""), ("phone-a", "duty"), ("wall", "head"))
    night = dt.datetime(2026, 4, 17, 20)
    for step in ("resolved", "annulled", "resolved-1", "acknowledged"):
        assert told(step, night, before) == list(before)
    assert told("resolved") == [("log", ""), ("phone-a", "duty")], (
        "one that was never told begins with its end"
    )


def test_what_changes_goes_to_who_was_told_and_to_who_holds_their_roles_now() -> None:
    before = (("log", ""), ("phone-a", "duty"))
    night = dt.datetime(2026, 4, 17, 20)
    assert told("reminder-2", night, before) == [
        ("log", ""),
        ("phone-a", "duty"),
        ("phone-b", "duty"),
        ("desk", "duty"),
    ]


def test_a_route_of_its_own_takes_the_place_of_the_one_for_any_rule() -> None:
    assert told("firing", rule="quiet-one") == [("log", "")]
    assert told("escalated-1", rule="quiet-one") == [("log", "")]


def test_a_channel_gone_from_the_file_is_not_written_for() -> None:
    assert told("resolved", before=(("old-phone", "duty"), ("log", ""))) == [("log", "")]


@pytest.mark.parametrize(
    ("level", "wall", "until"),
    [
        ("blue", "2026-04-17 21:59", "2026-04-17 21:59"),
        ("blue", "2026-04-17 22:00", "2026-04-18 07:30"),
        ("yellow", "2026-04-18 00:10", "2026-04-18 07:30"),
        ("blue", "2026-04-18 07:30", "2026-04-18 07:30"),
        ("orange", "2026-04-17 23:00", "2026-04-17 23:00"),
        ("red", "2026-04-17 23:00", "2026-04-17 23:00"),
    ],
)
def test_quiet_hours_hold_some_levels_until_the_morning(level: str, wall: str, until: str) -> None:
    assert held_until(ROUTING, level, dt.datetime.fromisoformat(wall)) == dt.datetime.fromisoformat(until)


times = st.times().map(lambda time: time.replace(microsecond=0))


@given(
    st.lists(st.tuples(times, times).filter(lambda hours: hours[0] != hours[1]), max_size=3), st.datetimes()
)
def test_red_is_never_held_and_nothing_for_ever(hours: list, wall: dt.datetime) -> None:
    wall = wall.replace(year=2026, microsecond=0, day=min(wall.day, 28))
    quiet = tuple(Quiet(levels=("blue",), start=start, end=end) for start, end in hours)
    routing = Routing(quiet=quiet)
    assert held_until(routing, "red", wall) == wall
    until = held_until(routing, "blue", wall)
    assert wall <= until <= wall + dt.timedelta(days=3)


@pytest.mark.parametrize(
    ("tables", "said"),
    [
        ({"route": (Route(rule="r9", channels=("log",)),)}, r"route\[1\]\.rule: no rule 'r9'"),
        ({"route": (Route(rule="*", roles=("boss",)),)}, r"route\[1\]\.roles: no role boss"),
        (
            {"role": (Role(key="x", name_zh="x", name_en="x", channels=("fax",)),)},
            r"role\[1\]\.channels: no channel fax",
        ),
        (
            {"person": (Person(key="x", name="x", channels=("fax",)),)},
            r"person\[1\]\.channels: no channel fax",
        ),
        ({"person": ROUTING.person * 2}, "person.key: stands twice: a, b"),
        ({"rota": (Rota(role="duty", people=("z",)),)}, r"rota\[1\]\.people: no person z"),
        ({"rota": (Rota(role="cook", people=("a",)),)}, r"rota\[1\]\.role: no role cook"),
    ],
)
def test_a_name_that_the_file_does_not_have_is_a_fault(tables: dict, said: str) -> None:
    text = RoutingText(channel=CHANNELS, person=ROUTING.person, role=ROUTING.role).model_copy(update=tables)
    with pytest.raises(ValueError, match=said):
        check_routing(text, ["r1"])


@pytest.mark.parametrize(
    ("model", "given", "said"),
    [
        (Quiet, {"levels": ("red",), "start": dt.time(22), "end": dt.time(7)}, "levels"),
        (Quiet, {"levels": ("blue",), "start": dt.time(7), "end": dt.time(7)}, "another hour than start"),
        (Route, {"rule": "*"}, "at least one role or channel"),
        (Rota, {"role": "duty", "people": ("a",), "weekdays": (0,)}, "weekdays"),
        (Reach, {"river": "徒骇河", "sections": ("S1",)}, "sections"),
        (
            ChannelSettings,
            {"key": "x", "kind": "webhook", "url_env": "URL"},
            "secret_env: expected for kind 'webhook'",
        ),
        (
            ChannelSettings,
            {"key": "x", "kind": "console", "most_per_hour": 5},
            "digest_from: expected with most_per_hour",
        ),
        (
            ChannelSettings,
            {"key": "x", "kind": "console", "digest_from": 1},
            "digest_from: expected 2 or more",
        ),
    ],
)
def test_a_table_that_means_nothing_is_a_fault(model: type, given: dict, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        model.model_validate(given)
