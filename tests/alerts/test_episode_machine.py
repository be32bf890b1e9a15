"""From any readings, corrections, acts, silences, crashes and hours that pass: what must always hold of episodes."""

from __future__ import annotations

import datetime as dt
import shutil
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from sqlalchemy import create_engine, select
from sqlalchemy.pool import NullPool

from alerts.acts import ActError, acknowledge, resolve, silence
from alerts.episodes import find_episodes, find_pending
from alerts.inhibition import mutes_of
from alerts.record import record_episodes
from alerts.rules import load_alerts
from alerts.tending import tend_episodes
from warehouse.engine import open_engine
from warehouse.schema import episode_steps, episodes, outbox

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = load_alerts(ROOT / "districts" / "chiping" / "alerts.toml")
RULE = SHIPPED.rule("section-worse-than-v").model_copy(update={"most_per_week": 5})
SETTINGS = SHIPPED.model_copy(update={"rules": (RULE,)})
SUBJECTS = ("S1", "S2")
FIRST = pd.Timestamp("2026-03-20 00:00")
CLASSES = {"5": 5, "6": 6, "!": 6, "-": None}
SITES = pd.DataFrame(
    {
        "key": list(SUBJECTS),
        "name": ["茌新河示例断面", "茌中河示例断面"],
        "river": ["茌新河", "茌中河"],
        "target_class": pd.array([4, pd.NA], dtype="Int64"),
    }
)


class KilledError(Exception):
    """The power went out before the transaction was committed."""


class EpisodeMachine(RuleBasedStateMachine):
    """Two sections under one rule, an hour at a time, with people who act and a machine that dies."""

    empty: Path

    @initialize()
    def open(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="episodes-"))
        file = self.folder / "warehouse.duckdb"
        shutil.copyfile(EpisodeMachine.empty, file)
        self.engine = create_engine(f"duckdb:///{file}", poolclass=NullPool)
        self.held = self.engine.connect()  # keeps the file open between the others
        self.signs = dict.fromkeys(SUBJECTS, "")
        self.now = dt.datetime(2026, 3, 20, 1)
        self.seen: set[tuple[str, str]] = set()

    def teardown(self) -> None:
        if hasattr(self, "held"):
            self.held.close()
            self.engine.dispose()
            shutil.rmtree(self.folder)

    @rule(
        subject=st.sampled_from(SUBJECTS),
        signs=st.text(alphabet="56!-", min_size=1, max_size=6),
        silent=st.booleans(),
        dies=st.booleans(),
    )
    def readings_come(self, subject: str, signs: str, silent: bool, dies: bool) -> None:
        self.signs[subject] = (self.signs[subject] + signs)[:24]
        self._night(silent=silent, dies=dies)

    @rule(subject=st.sampled_from(SUBJECTS), place=st.integers(0, 23), sign=st.sampled_from("56!-"))
    def a_reading_is_corrected(self, subject: str, place: int, sign: str) -> None:
        signs = self.signs[subject]
        if place < len(signs):
            self.signs[subject] = signs[:place] + sign + signs[place + 1 :]
        self._night(silent=False, dies=False)

    @rule(hours=st.integers(1, 90), dies=st.booleans())
    def time_passes(self, hours: int, dies: bool) -> None:
        self.now += dt.timedelta(hours=hours)
        try:
            with self.engine.begin() as connection:
                tend_episodes(connection, "chiping", SETTINGS, self.now, subjects={RULE.id: SITES})
                self._die(dies)
        except KilledError:
            pass

    @rule(number=st.integers(1, 6), act=st.sampled_from([acknowledge, resolve]))
    def somebody_acts(self, number: int, act: Any) -> None:
        with self.engine.connect() as connection:
            query = select(episodes.c.state).where(episodes.c.id == number)
            state = connection.execute(query).scalar_one_or_none()
        allowed = state in ("firing", "acknowledged")
        try:
            with self.engine.begin() as connection:
                act(connection, number, actor="甲", note="已派人", at=self.now, via="page")
        except ActError:
            assert not allowed
        else:
            assert allowed

    @rule(subject=st.sampled_from(("", *SUBJECTS)), hours=st.integers(1, 60))
    def somebody_silences(self, subject: str, hours: int) -> None:
        with self.engine.begin() as connection:
            silence(
                connection,
                district="chiping",
                rule="",
                subject=subject,
                owner="甲",
                reason="检修",
                ends_at=self.now + dt.timedelta(hours=hours),
                at=self.now,
                via="cli",
            )

    def _night(self, *, silent: bool, dies: bool) -> None:
        self.now += dt.timedelta(hours=4)
        samples = self._samples()
        found = find_episodes(samples, RULE)
        try:
            with self.engine.begin() as connection:
                record_episodes(
                    connection,
                    "chiping",
                    RULE,
                    found,
                    settings=SETTINGS,
                    run_date=self.now.date(),
                    known_at=self.now,
                    evidence=self._evidence(samples),
                    sites=SITES,
                    silent=silent,
                    pending=find_pending(samples, RULE, found),
                    mutes=mutes_of(connection, "chiping", SETTINGS, RULE, self.now),
                )
                self._die(dies)
        except KilledError:
            return
        self._as_the_data_say(found)

    def _die(self, dies: bool) -> None:
        if dies:
            raise KilledError

    def _samples(self) -> pd.DataFrame:
        rows = [
            (site, FIRST + pd.Timedelta(hours=4 * place), sign)
            for site, signs in self.signs.items()
            for place, sign in enumerate(signs)
        ]
        frame = pd.DataFrame(rows, columns=["site", "observed_at", "sign"])
        bad = frame["sign"].isin(["6", "!"])
        return pd.DataFrame(
            {
                "site": frame["site"].astype("str"),
                "observed_at": frame["observed_at"].astype("datetime64[us]"),
                "class": pd.array([CLASSES[sign] for sign in frame["sign"]], dtype="Int8"),
                "multiples": pd.Series(["nh3_n=0.4" if one else "" for one in bad], dtype="str"),
                "worst": pd.Series(["nh3_n" if one else "" for one in bad], dtype="str"),
                "beyond": pd.array(frame["sign"] == "!", dtype="boolean"),
            }
        )

    def _evidence(self, samples: pd.DataFrame) -> pd.DataFrame:
        bad = samples[samples["class"].fillna(0) == 6]
        return bad[["site", "observed_at"]].assign(
            parameter="nh3_n",
            value=2.8,
            limit=2.0,
            multiple=0.4,
            delivery="断面.csv",
            sheet="",
            row=2,
            column="氨氮(mg/L)",
        )

    def _as_the_data_say(self, found: pd.DataFrame) -> None:
        """After a run every episode that the readings hold is on record as they say, and no other is."""
        expected = {
            (
                row["site"],
                row["since"].to_pydatetime(),
                None if pd.isna(row["until"]) else row["until"].to_pydatetime(),
            )
            for row in found.to_dict("records")
        }
        with self.engine.connect() as connection:
            query = select(episodes.c.subject, episodes.c.since, episodes.c.until).where(
                episodes.c.state.not_in(("annulled", "pending"))
            )
            assert {tuple(row) for row in connection.execute(query)} == expected

    @invariant()
    def at_most_one_is_open_per_subject(self) -> None:
        if not hasattr(self, "engine"):
            return
        with self.engine.connect() as connection:
            query = select(episodes.c.subject).where(
                episodes.c.until.is_(None), episodes.c.state.not_in(("annulled", "pending"))
            )
            assert max(Counter(connection.execute(query).scalars()).values(), default=0) <= 1
            query = select(episodes.c.subject).where(episodes.c.state == "pending")
            assert max(Counter(connection.execute(query).scalars()).values(), default=0) <= 1

    @invariant()
    def every_told_step_is_queued_once_per_channel(self) -> None:
        if not hasattr(self, "engine"):
            return
        with self.engine.connect() as connection:
            told = connection.execute(
                select(episode_steps.c.episode_id, episode_steps.c.step).where(
                    episode_steps.c.note == "queued"
                )
            ).all()
            rows = connection.execute(
                select(outbox.c.idempotency_key, outbox.c.episode_id, outbox.c.step, outbox.c.channel)
            ).all()
            replaced = dict(
                connection.execute(
                    select(episode_steps.c.episode_id, episode_steps.c.note).where(
                        episode_steps.c.step == "replaced"
                    )
                ).all()
            )
        keys = [row[0] for row in rows]
        assert len(keys) == len(set(keys))
        written = Counter((row[1], row[2], row[3]) for row in rows)
        assert max(written.values(), default=0) <= 1
        # a step inherited from an episode whose beginning moved was written for that one
        forerunners: dict[int, set[int]] = {}
        for old, new in replaced.items():
            forerunners.setdefault(int(new), set()).add(old)
        for number, step in told:
            line, reached = {number}, {number}
            while reached:
                reached = set().union(*(forerunners.get(one, set()) for one in reached)) - line
                line |= reached
            channels = {row[3] for row in rows if row[1] in line and row[2] == step}
            assert channels == {"console", "file"}, (number, step)

    @invariant()
    def no_message_says_more_than_the_week_allows(self) -> None:
        if not hasattr(self, "engine"):
            return
        with self.engine.connect() as connection:
            rows = connection.execute(
                select(outbox.c.subject, outbox.c.created_at, outbox.c.episode_id, outbox.c.step)
                .where(outbox.c.step.not_like("escalated%"))
                .distinct()
            ).all()
        for subject in SUBJECTS:
            steps = [
                row[1]
                for row in rows
                if row[0] == subject
                and row[3].partition("-")[0] in {"firing", "reopened", "resolved", "reminder"}
            ]
            for last in steps:
                week = [at for at in steps if last - dt.timedelta(days=7) < at <= last]
                assert len(week) <= RULE.most_per_week

    @invariant()
    def acknowledged_ones_are_not_reminded_of(self) -> None:
        if not hasattr(self, "engine"):
            return
        with self.engine.connect() as connection:
            steps = connection.execute(
                select(episode_steps.c.episode_id, episode_steps.c.step, episode_steps.c.at)
            ).all()
        by_episode: dict[int, dict[str, dt.datetime]] = {}
        for number, step, at in steps:
            by_episode.setdefault(number, {})[step] = at
        for named in by_episode.values():
            if "acknowledged" not in named or any(name.startswith("reopened") for name in named):
                continue
            late = [at for name, at in named.items() if name.startswith(("reminder", "escalated"))]
            assert all(at <= named["acknowledged"] for at in late)


@pytest.fixture(scope="module", autouse=True)
def _empty(tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("machine") / "empty.duckdb"
    open_engine(f"duckdb:///{path}").dispose()
    EpisodeMachine.empty = path


TestEpisodes = EpisodeMachine.TestCase
TestEpisodes.settings = settings(max_examples=6, stateful_step_count=12, deadline=None)
TestManyEpisodes = pytest.mark.timeout(900)(
    pytest.mark.thorough(type("TestManyEpisodes", (EpisodeMachine.TestCase,), {}))
)
TestManyEpisodes.settings = settings(max_examples=50, stateful_step_count=20, deadline=None)
