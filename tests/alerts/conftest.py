"""What the tests of alerts share: the shipped rule, samples in short hand, a warehouse, one night's run."""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from sqlalchemy import Engine, create_engine, select
from sqlalchemy.pool import NullPool

from alerts.episodes import find_episodes
from alerts.record import Recorded, record_episodes
from alerts.routing_settings import Route, Routing
from alerts.rules import AlertSettings, Rule, load_alerts
from warehouse.engine import open_engine
from warehouse.schema import episode_steps, episodes, outbox

ROOT = Path(__file__).resolve().parents[2]
START = pd.Timestamp("2026-03-20 00:00")
HOURS = {"C": 3, "5": 5, "6": 6, "!": 6, "-": None}


@pytest.fixture(scope="session")
def settings() -> AlertSettings:
    return load_alerts(ROOT / "districts" / "chiping" / "alerts.toml")


@pytest.fixture(scope="session")
def shipped(settings: AlertSettings) -> AlertSettings:
    """The same, for modules where `settings` is hypothesis' own word."""
    return settings


@pytest.fixture(scope="session")
def rule(settings: AlertSettings) -> Rule:
    return settings.rule("section-worse-than-v")


@pytest.fixture(scope="session")
def samples() -> Callable[..., pd.DataFrame]:
    """Samples every four hours from a short hand: 5 and C are good, 6 bad, ! bad beyond twice, - no class."""

    def build(signs: str, site: str = "S1", start: pd.Timestamp = START) -> pd.DataFrame:
        return pd.DataFrame(
            {
                "site": pd.Series([site] * len(signs), dtype="str"),
                "observed_at": pd.date_range(start, periods=len(signs), freq="4h").astype("datetime64[us]"),
                "class": pd.array([HOURS[sign] for sign in signs], dtype="Int8"),
                "multiples": pd.Series(
                    ["nh3_n=2.5" if sign == "!" else "nh3_n=0.4" if sign == "6" else "" for sign in signs],
                    dtype="str",
                ),
                "worst": pd.Series(["nh3_n" if sign in "6!" else "" for sign in signs], dtype="str"),
                "beyond": pd.array([sign == "!" for sign in signs], dtype="boolean"),
            }
        )

    return build


@pytest.fixture(scope="session")
def evidence() -> Callable[[pd.DataFrame], pd.DataFrame]:
    """Evidence for every bad sample: ammonia nitrogen over its limit, with where it was delivered."""

    def build(rows: pd.DataFrame) -> pd.DataFrame:
        bad = rows[rows["class"].fillna(0) == 6].reset_index(drop=True)
        beyond = bad["beyond"].astype(bool)
        return pd.DataFrame(
            {
                "site": bad["site"],
                "observed_at": bad["observed_at"],
                "parameter": pd.Series(["nh3_n"] * len(bad), dtype="str"),
                "value": beyond.map({True: 7.0, False: 2.8}).astype("float64"),
                "limit": pd.Series([2.0] * len(bad), dtype="float64"),
                "multiple": beyond.map({True: 2.5, False: 0.4}).astype("float64"),
                "delivery": pd.Series(["茌新河示例断面.csv"] * len(bad), dtype="str"),
                "sheet": pd.Series([""] * len(bad), dtype="str"),
                "row": pd.Series(range(2, len(bad) + 2), dtype="int64"),
                "column": pd.Series(["氨氮(mg/L)"] * len(bad), dtype="str"),
            }
        )

    return build


@pytest.fixture(scope="session")
def sites() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "key": ["S1", "S2"],
            "name": ["茌新河示例断面", "茌中河示例断面"],
            "river": ["茌新河", "茌中河"],
            "target_class": pd.array([4, pd.NA], dtype="Int64"),
        }
    )


@pytest.fixture(scope="session")
def empty_warehouse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("alerts") / "empty.duckdb"
    open_engine(f"duckdb:///{path}").dispose()
    return path


@pytest.fixture
def engine(tmp_path: Path, empty_warehouse: Path) -> Engine:
    path = tmp_path / "warehouse.duckdb"
    shutil.copyfile(empty_warehouse, path)
    return create_engine(f"duckdb:///{path}", poolclass=NullPool)


class Nights:
    """Runs of one rule over samples, each in its own transaction, and what is on record afterwards."""

    def __init__(
        self,
        engine: Engine,
        settings: AlertSettings,
        rule: Rule,
        sites: pd.DataFrame,
        evidence: Callable,
    ) -> None:
        self.engine = engine
        self.settings = settings
        self.rule = rule
        self.sites = sites
        self.evidence = evidence
        self.runs = 0

    def run(
        self,
        rows: pd.DataFrame,
        *,
        date: str = "2026-03-26",
        silent: bool = False,
        rule: Rule | None = None,
        examined_from: dict[str, dt.datetime] | None = None,
        district: str = "chiping",
    ) -> Recorded:
        self.runs += 1
        rule = rule or self.rule
        with self.engine.begin() as connection:
            return record_episodes(
                connection,
                district,
                rule,
                find_episodes(rows, rule),
                run_date=dt.date.fromisoformat(date),
                known_at=dt.datetime(2026, 3, 31, 18) + dt.timedelta(days=self.runs),
                settings=self._routed(rule),
                evidence=self.evidence(rows),
                sites=self.sites,
                silent=silent,
                examined_from=examined_from,
                district_name="茌平区",
            )

    def _routed(self, rule: Rule) -> AlertSettings:
        """The settings, with a route to the rule's channels where they are not those of the file."""
        if not set(rule.channels) - set(self.settings.channels):
            return self.settings
        route = Route(rule=rule.id, channels=tuple(channel.key for channel in rule.channels))
        routing = Routing(channel=rule.channels, route=(route,))
        return self.settings.model_copy(update={"routing": routing, "channels": rule.channels})

    def episodes(self) -> list[tuple[str, str, str, str | None]]:
        """(subject, state, since, until) of what is on record, times as day and hour."""
        with self.engine.connect() as connection:
            rows = connection.execute(
                select(episodes).order_by(episodes.c.subject, episodes.c.since)
            ).mappings()
            return [
                (
                    row["subject"],
                    row["state"],
                    f"{row['since']:%d-%H}",
                    None if row["until"] is None else f"{row['until']:%d-%H}",
                )
                for row in rows
            ]

    def history(self) -> list[bool]:
        with self.engine.connect() as connection:
            return list(connection.execute(select(episodes.c.history).order_by(episodes.c.id)).scalars())

    def steps(self, episode_id: int = 1) -> dict[str, str]:
        with self.engine.connect() as connection:
            rows = connection.execute(select(episode_steps).where(episode_steps.c.episode_id == episode_id))
            return {row["step"]: row["note"] for row in rows.mappings()}

    def told(self, channel: str = "file") -> list[str]:
        """The steps of the messages of one channel, in the order in which they leave."""
        with self.engine.connect() as connection:
            keys = connection.execute(
                select(outbox.c.idempotency_key).where(outbox.c.channel == channel).order_by(outbox.c.id)
            ).scalars()
            return [key.split(":")[4] for key in keys]


@pytest.fixture
def nights(
    engine: Engine, settings: AlertSettings, rule: Rule, sites: pd.DataFrame, evidence: Callable
) -> Nights:
    return Nights(engine, settings, rule, sites, evidence)
