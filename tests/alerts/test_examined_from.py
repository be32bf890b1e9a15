"""Examining from where doubt begins says what examining the whole history says, whatever data arrive."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, select

from alerts.episodes import calm_before, find_episodes
from alerts.record import record_episodes
from alerts.rules import AlertSettings, Rule
from alerts.untold import untold_since
from warehouse.schema import episode_steps, episodes, outbox

SITES = ("S1", "S2")
FIRST = pd.Timestamp("2026-03-20 00:00")
BEGINNING = dt.datetime(2002, 6, 1)
SIGNS = "5555C66!-"


@dataclass(frozen=True)
class Delivery:
    """Signs for the samplings from a place on (`x`: taken away), the day after which a run looks at them."""

    site: str
    place: int
    signs: str
    silent: bool = False
    days_later: int = 0


deliveries = st.builds(
    Delivery,
    site=st.sampled_from(SITES),
    place=st.integers(0, 40),
    signs=st.text(alphabet=SIGNS + "x", min_size=1, max_size=12),
    silent=st.booleans(),
    days_later=st.sampled_from([0, 0, 5, 40]),
)


@pytest.mark.parametrize(
    ("signs", "before", "calm"),
    [
        # signs: samplings four hours apart; the rule clears after two good ones in a row
        ("55", 2, 1),
        ("55", 1, None),
        ("5566", 4, 1),
        ("66556", 5, 3),
        ("6656565", 7, None),
        ("55655", 5, 4),
        ("55655", 4, 1),
        ("5-5", 3, 2),
        ("555-", 4, 2),
        ("", 0, None),
    ],
)
def test_calm_is_the_second_good_sampling_in_a_row(
    signs: str, before: int, calm: int | None, rule: Rule, samples: Callable[..., pd.DataFrame]
) -> None:
    limit = pd.Series({"S1": FIRST + pd.Timedelta(hours=4 * before)})
    found = calm_before(samples(signs), rule, limit)
    assert list(found) == ([] if calm is None else [FIRST + pd.Timedelta(hours=4 * calm)])


def test_a_site_is_not_calm_by_the_samplings_of_another(
    rule: Rule, samples: Callable[..., pd.DataFrame]
) -> None:
    rows = pd.concat([samples("65", "S1"), samples("56", "S2"), samples("55", "S3")])
    limit = pd.Series(dict.fromkeys(("S1", "S2"), FIRST + pd.Timedelta(days=9)))
    assert calm_before(rows, rule, limit).empty


class Store:
    """The samplings of two sites, and one district's record of their episodes."""

    def __init__(
        self,
        engine: Engine,
        settings: AlertSettings,
        rule: Rule,
        sites: pd.DataFrame,
        build: Callable[..., pd.DataFrame],
        prove: Callable[..., pd.DataFrame],
    ):
        self.engine, self.rule, self.sites = engine, rule, sites
        self.settings = settings
        self.build, self.prove = build, prove
        self.signs = {site: [""] * 60 for site in SITES}
        self.run_date = dt.date(2026, 3, 26)

    def take(self, delivery: Delivery) -> None:
        for at, sign in enumerate(delivery.signs, start=delivery.place):
            self.signs[delivery.site][at] = "" if sign == "x" else sign
        self.run_date += dt.timedelta(days=delivery.days_later)

    def samples(self) -> pd.DataFrame:
        parts = []
        for site, signs in self.signs.items():
            rows = self.build("".join(sign or "-" for sign in signs), site)
            parts.append(rows[[sign != "" for sign in signs]])
        return pd.concat(parts, ignore_index=True)

    def examine(
        self, district: str, number: int, *, silent: bool, examined_from: dict[str, dt.datetime] | None
    ) -> None:
        rows = self.samples()
        if examined_from is not None:
            begun = rows["site"].map(pd.Series(examined_from, dtype="datetime64[us]"))
            rows = rows[rows["observed_at"] >= begun]
        proof = self.prove(rows)
        # where a reading stands does not depend on what is examined with it
        proof["row"] = (proof["observed_at"] - FIRST) // pd.Timedelta(hours=4)
        with self.engine.begin() as connection:
            record_episodes(
                connection,
                district,
                self.rule,
                find_episodes(rows, self.rule),
                run_date=self.run_date,
                known_at=dt.datetime(2026, 5, 1) + dt.timedelta(days=number),
                evidence=proof,
                settings=self.settings,
                sites=self.sites,
                silent=silent,
                examined_from=examined_from,
                district_name="茌平区",
            )

    def in_doubt(self, district: str, delivery: Delivery) -> dict[str, dt.datetime]:
        """Where the examination of each site begins: before what changed, and before what is untold."""
        doubt = {delivery.site: (FIRST + pd.Timedelta(hours=4 * delivery.place)).to_pydatetime()}
        if not delivery.silent:
            with self.engine.connect() as connection:
                untold = untold_since(connection, district, self.rule, run_date=self.run_date)
            doubt |= {site: min(since, doubt.get(site, since)) for site, since in untold.items()}
        calm = calm_before(self.samples(), self.rule, pd.Series(doubt, dtype="datetime64[us]"))
        return {site: calm[site].to_pydatetime() if site in calm else BEGINNING for site in doubt}

    def record(self, district: str) -> list[list[Any]]:
        """Everything on record of a district but its surrogate keys and its own name."""
        numbered = {"id", "district", "idempotency_key", "episode_id", "group_key"}
        with self.engine.connect() as connection:
            rows = (
                connection.execute(select(episodes).where(episodes.c.district == district)).mappings().all()
            )
            names = {row["id"]: (row["subject"], row["since"]) for row in rows}
            steps = connection.execute(
                select(episode_steps).where(episode_steps.c.episode_id.in_(list(names)))
            ).mappings()
            told = connection.execute(
                select(outbox).where(outbox.c.district == district).order_by(outbox.c.id)
            ).mappings()
            return [
                sorted(str({key: row[key] for key in row if key not in numbered}) for row in rows),
                sorted(
                    str(
                        (
                            names[row["episode_id"]],
                            row["step"],
                            row["at"],
                            # the step `replaced` names the episode that goes on
                            names.get(int(row["note"])) if row["step"] == "replaced" else row["note"],
                        )
                    )
                    for row in steps
                ),
                [(row["idempotency_key"].split(":")[2:], row["title"]) for row in told],
            ]


_seen: list[int] = []


@settings(
    max_examples=8,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(sequence=st.lists(deliveries, min_size=1, max_size=6))
@example(sequence=[Delivery("S1", 0, "5566"), Delivery("S1", 4, "6655"), Delivery("S1", 2, "55")])
@example(
    sequence=[Delivery("S1", 10, "6655", silent=True), Delivery("S2", 0, "55"), Delivery("S1", 0, "555566")]
)
@example(
    sequence=[
        Delivery("S1", 0, "5566"),
        Delivery("S1", 4, "55", silent=True),
        Delivery("S2", 0, "5", days_later=40),
    ]
)
@example(sequence=[Delivery("S1", 0, "55665566"), Delivery("S1", 4, "xx"), Delivery("S1", 4, "55")])
def test_from_where_doubt_begins_is_recorded_what_the_whole_history_says(
    sequence: list[Delivery],
    engine: Engine,
    shipped: AlertSettings,
    rule: Rule,
    sites: pd.DataFrame,
    samples: Callable[..., pd.DataFrame],
    evidence: Callable[[pd.DataFrame], pd.DataFrame],
) -> None:
    _seen.append(1)
    whole, parts = f"whole{len(_seen)}", f"parts{len(_seen)}"
    store = Store(engine, shipped, rule, sites, samples, evidence)
    # a connection that stays keeps the file open between the others
    with engine.connect():
        for number, delivery in enumerate(sequence):
            store.take(delivery)
            store.examine(whole, number, silent=delivery.silent, examined_from=None)
            begun = store.in_doubt(parts, delivery)
            store.examine(parts, number, silent=delivery.silent, examined_from=begun)
            assert store.record(parts) == store.record(whole)
