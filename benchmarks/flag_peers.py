"""Our flags beside ioos_qc and saqc on one million readings: verdicts and seconds, every deviation with its cause.

`python benchmarks/flag_peers.py` makes an environment of its own for the peers (var/peers, pinned by
peers-requirements.txt), runs the same rules over the same readings, and prints the tables of docs/quality.md.
The peers get their arrays ready made, a series at a time; only their tests are timed. Ours is timed
whole, from the long frame of readings to the frame of verdicts. Seconds are those of the processor (all
threads), so that other work on the machine counts little.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

ROOT = Path(__file__).resolve().parent.parent
PLACE = ROOT / "var" / "peers"
SITES, HOURS, HOLE = 100, 10_000, pd.Timedelta(hours=3)
#: limits between the values that occur, so that binary noise decides nothing
RANGE_SUSPECT, RANGE_BAD = (0.5, 300.5), (0.0, 600.5)
SPIKE, RATE = (60.25, 200.25), (80.5, 200.5)
FLAT = (12, 24)
ISOLATED = 6
TESTS = ("range", "spike", "rate", "flat_line", "isolated", "gap", "cross_item", "neighbours")


def readings() -> pd.DataFrame:
    """Make whole-numbered hours of 100 sites: 80 regular, 10 with holes, 10 with stretches of five minutes."""
    rng = np.random.default_rng(20261121)
    parts = []
    for site in range(SITES):
        moment = np.arange(HOURS) * 60
        if 80 <= site < 90:
            kept = np.ones(HOURS, dtype=bool)
            for begin in rng.integers(0, HOURS - 300, 40):
                kept[begin : begin + rng.integers(4, 240)] = False
            lonely = rng.integers(0, HOURS, 20)
            kept[lonely] = True
            moment = moment[kept]
        if site >= 90:
            minutes = np.concatenate([np.arange(b, b + 600, 5) for b in rng.integers(0, HOURS, 40) * 60])
            moment = np.unique(np.concatenate([moment, minutes]))
        value = np.round(
            np.exp(np.cumsum(rng.normal(0, 0.04, len(moment))) * 0.2 + 4) + rng.normal(0, 8, len(moment))
        )
        value = np.clip(value, 1, 500)
        spikes = rng.integers(1, len(value) - 1, 60)
        value[spikes] += rng.integers(50, 500, len(spikes))
        for begin in rng.integers(0, len(value) - 60, 15):
            value[begin : begin + rng.integers(5, 50)] = value[begin]
        value[rng.random(len(value)) < 0.002] = np.nan
        parts.append(pd.DataFrame({"site": f"s{site:03d}", "minute": moment, "value": value}))
    frame = pd.concat(parts, ignore_index=True)
    frame["observed_at"] = pd.Timestamp("2025-01-01") + pd.to_timedelta(frame.pop("minute"), unit="m")
    frame["observed_at"] = frame["observed_at"].astype("datetime64[us]")
    words = {"district": "bench", "parameter": "pm2_5", "period": "1h", "channel": "automatic"}
    return frame.assign(**words).astype(dict.fromkeys([*words, "site"], "str"))


def rules_text(tests: tuple[str, ...]) -> str:
    """Write the rules of the comparison, only for the tests that take part."""
    where = 'parameters = ["pm2_5"]\nperiods = ["1h"]\nchannels = ["automatic"]\nbasis = "benchmark"\nsure = "C"\n'
    rows = {
        "range": f"suspect = {list(RANGE_SUSPECT)}\nbad = {list(RANGE_BAD)}",
        "spike": f'within = "3h"\nside = 0\nsuspect = {SPIKE[0]}\nbad = {SPIKE[1]}',
        "rate": f'within = "3h"\nsuspect = {RATE[0]}\nbad = {RATE[1]}',
        "flat_line": f'eps = 0\nhole = "3h"\nreadings = 2\nsuspect = "{FLAT[0]}h"\nbad = "{FLAT[1]}h"',
        "isolated": f'within = "{ISOLATED}h"',
    }
    named = "\n".join(f'[[test]]\nkey = "{key}"\nzh = "{key}"\nen = "{key}"\nweighs = true' for key in TESTS)
    return (
        'version = "bench"\nvalid_from = 2000-01-01\n'
        + named
        + "".join(f"\n[[{test}]]\n{where}{rows[test]}\n" for test in tests)
    )


def series_of(frame: pd.DataFrame) -> list[pd.Series]:
    return [part.set_index("observed_at")["value"] for _, part in frame.groupby("site", sort=True)]


def run_ioos(frame: pd.DataFrame) -> tuple[pd.DataFrame, float]:
    from ioos_qc import qartod  # noqa: PLC0415 - only in the environment of the peers

    series = [(one.to_numpy(), one.index.to_numpy()) for one in series_of(frame)]
    started = time.process_time()
    found = [
        {
            "range": qartod.gross_range_test(value, RANGE_BAD, RANGE_SUSPECT),
            "spike": qartod.spike_test(value, *SPIKE),
            "rate": qartod.rate_of_change_test(value, moment, RATE[0] / 3600, RATE[1] / 3600),
            "flat_line": qartod.flat_line_test(value, moment, FLAT[0] * 3600, FLAT[1] * 3600, 0.5),
        }
        for value, moment in series
    ]
    seconds = time.process_time() - started
    parts = [pd.DataFrame({name: np.ma.getdata(flags) for name, flags in one.items()}) for one in found]
    return pd.concat(parts, ignore_index=True).astype("int8"), seconds


def run_saqc(frame: pd.DataFrame) -> tuple[pd.DataFrame, float]:
    from saqc import SaQC  # noqa: PLC0415 - only in the environment of the peers

    series, seconds = series_of(frame), 0.0
    parts = []
    for one in series:
        found = {}
        # each test on data without flags: a flagged value would be hidden from the next test
        for name in ("range", "flat_line", "isolated"):
            judge = SaQC(one.rename("v").to_frame())
            started = time.process_time()
            if name == "range":
                judge = judge.flagRange("v", min=RANGE_BAD[0], max=RANGE_BAD[1])
            elif name == "flat_line":
                # its windows are open on the left: a second more holds both ends
                judge = judge.flagConstants("v", thresh=0, window=f"{FLAT[1] * 3600 + 1}s")
            else:
                judge = judge.flagIsolated("v", gap_window=f"{ISOLATED * 3600 + 1}s", group_window="1s")
            flags = judge.flags["v"]
            seconds += time.process_time() - started
            found[name] = np.where(np.asarray(flags) > 0, 4, 1)
        parts.append(pd.DataFrame(found))
    return pd.concat(parts, ignore_index=True).astype("int8"), seconds


def peer_side(name: str) -> None:
    """Run one peer over the readings on disk; called in the environment of the peers."""
    frame = pd.read_parquet(PLACE / "readings.parquet")
    found, best = None, float("inf")
    for _ in range(5 if name == "ioos_qc" else 2):
        found, seconds = {"ioos_qc": run_ioos, "saqc": run_saqc}[name](frame)
        best = min(best, seconds)
    assert found is not None
    found.to_parquet(PLACE / f"{name}.parquet")
    (PLACE / f"{name}.json").write_text(json.dumps({"seconds": best}))


def prepare() -> Path:
    """Make the environment of the peers once; give its Python."""
    python = PLACE / "venv" / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(PLACE / "venv")], check=True)
        wanted = Path(__file__).with_name("peers-requirements.txt")
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", "-r", str(wanted)], check=True)
    return python


def surroundings(frame: pd.DataFrame) -> pd.DataFrame:
    """Return what stands beside every reading: holes, missing values, cadence, how long its run lasts."""
    site, moment, value = frame["site"], frame["observed_at"], frame["value"]
    before, after = moment.groupby(site).diff(), -moment.groupby(site).diff(-1)
    gone = value.isna()
    held = value.groupby(site).ffill()
    hole = before > HOLE
    fresh = held.ne(held.groupby(site).shift()) | hole
    run = fresh.cumsum()
    known = moment.where(~gone)
    start, end = known.groupby(run).transform("min"), known.groupby(run).transform("max")
    odd = pd.DataFrame(
        {"missing": gone, "hole": hole, "cadence": before.notna() & (before != pd.Timedelta(hours=1)) & ~hole}
    )
    reach = FLAT[1] + 2
    near = {}
    for name in odd:
        count = odd[name].astype("int64").groupby(site).cumsum()
        far = count.groupby(site)
        near[f"{name}_near"] = (far.shift(-reach).fillna(far.transform("max"))) != far.shift(reach).fillna(0)
    return pd.DataFrame(
        {
            "first": before.isna(),
            "edge": before.isna() | after.isna(),
            "missing_before": gone.groupby(site).shift(fill_value=False),
            "missing_beside": gone.groupby(site).shift(fill_value=False)
            | gone.groupby(site).shift(-1, fill_value=False),
            "hole_before": hole,
            "hole_beside": hole | (after > HOLE),
            "mixed": site >= "s090",
            "held": moment - start,
            "lasts": end - start,
            **near,
        }
    )


#: (peer, test) -> causes in order: (name, condition on the surroundings)
CAUSES: dict[tuple[str, str], list[tuple[str, str]]] = {
    ("ioos_qc", "spike"): [
        ("beside a missing value: ours takes the next reading within 3 h, ioos_qc gives 2", "missing_beside"),
        ("beside a hole: ours gives 2, ioos_qc compares across it", "hole_beside"),
    ],
    ("ioos_qc", "rate"): [
        ("first reading: ours gives 2 (nothing to compare with), ioos_qc 1", "first"),
        (
            "after a spike: ours gives 2 (the way back says nothing of this reading), ioos_qc judges it",
            "spiked",
        ),
        ("after a missing value: ours takes the reading before it, ioos_qc gives 1", "missing_before"),
        ("after a hole: ours gives 2, ioos_qc takes the slope across it", "hole_before"),
    ],
    ("ioos_qc", "flat_line"): [
        ("mixed cadence: ioos_qc turns hours into a number of readings by the median interval", "mixed"),
        ("a hole in the run: it ends ours, ioos_qc does not see it", "hole_near"),
        ("head of a run: ours marks the run from its first reading, ioos_qc from when it has lasted", "head"),
        (
            "a missing value in the run: ours passes over it, ioos_qc loses the reading's place",
            "missing_near",
        ),
    ],
    ("saqc", "range"): [],
    ("saqc", "flat_line"): [
        (
            "a hole near: saqc takes the equal readings after it, too short a time, for a whole window",
            "hole_near",
        ),
        ("a missing value near: saqc counts the time of the values that are there", "missing_near"),
        (
            "mixed cadence: a window of saqc counts as whole by its readings: 23.5 h pass for 24, a head is lost",
            "mixed",
        ),
    ],
    ("saqc", "isolated"): [
        ("first or last reading: saqc leaves them out, a hole before or after is not known to it", "edge"),
        ("holes: saqc pairs the beginnings and ends of holes by their number in the list", "hole_beside"),
    ],
}


def deviations(
    peer: str, frame: pd.DataFrame, ours: pd.DataFrame, theirs: pd.DataFrame
) -> list[dict[str, Any]]:
    around = surroundings(frame)
    around["head"] = (around["held"] < pd.Timedelta(hours=FLAT[1])) & (
        around["lasts"] >= pd.Timedelta(hours=FLAT[0])
    )
    noted = ours["spike"].isin([3, 4]) & frame["value"].notna()
    # the last reading with a value before, a missing one between or not
    spiked = noted.where(frame["value"].notna()).astype("float").groupby(frame["site"]).ffill()
    around["spiked"] = (spiked.groupby(frame["site"]).shift() == 1) & (ours.get("rate") == 2)
    rows = []
    for test in theirs:
        mine, its = ours[test].to_numpy(), theirs[test].to_numpy()
        if peer == "saqc":
            worst = 3 if test == "isolated" else 4
            known = frame["value"].notna().to_numpy()
            differ = ((mine == worst) != (its == 4)) & known
        else:
            differ = mine != its
        left = differ.copy()
        found = {"peer": peer, "test": test, "noted": int((mine == 3).sum() + (mine == 4).sum())}
        rows.append(found | {"cause": "equal", "readings": int((~differ).sum())})
        for name, condition in CAUSES.get((peer, test), []):
            here = left & around[condition].to_numpy(dtype=bool)
            if condition == "head":
                here &= (mine > its) & (mine >= 3)
            left &= ~here
            if here.any():
                rows.append(found | {"cause": name, "readings": int(here.sum())})
        rows.append(found | {"cause": "unexplained", "readings": int(left.sum())})
        for at in np.flatnonzero(left)[:3]:
            print(
                f"unexplained: {peer} {test} ours {mine[at]} theirs {its[at]}\n{frame.iloc[at]}\n{around.iloc[at]}"
            )
    return rows


def run() -> list[dict[str, Any]]:
    """Measure; one record a peer: name, ours and peer in seconds, unit, runs, and the rows of the tables."""
    from quality.flags import flag, read_rules  # noqa: PLC0415 - the environment of the peers has no rooms

    python = prepare()
    frame = readings()
    frame.to_parquet(PLACE / "readings.parquet")
    records = []
    for peer, tests in {
        "ioos_qc": ("range", "spike", "rate", "flat_line"),
        "saqc": ("range", "flat_line", "isolated"),
    }.items():
        subprocess.run([str(python), str(Path(__file__).resolve()), "--peer", peer], check=True)
        rules = read_rules(rules_text(tests))
        seconds = float("inf")
        for _ in range(9):
            started = time.process_time()
            ours = flag(frame, rules=rules)
            seconds = min(seconds, time.process_time() - started)
        theirs = pd.read_parquet(PLACE / f"{peer}.parquet")
        records.append(
            {
                "name": f"flags_{len(frame)}_beside_{peer}",
                "ours": seconds,
                "peer": json.loads((PLACE / f"{peer}.json").read_text())["seconds"],
                "unit": "s",
                "runs": 9,
                "deviations": deviations(peer, frame, ours, theirs),
            }
        )
    return records


def main() -> None:
    if "--peer" in sys.argv:
        peer_side(sys.argv[sys.argv.index("--peer") + 1])
        return
    sys.path.insert(0, str(ROOT))
    records = run()
    for record in records:
        times = record["peer"] / record["ours"]
        print(
            f"{record['name']}: ours {record['ours']:.3f} s, peer {record['peer']:.3f} s, {times:.1f} times"
        )
    print("\n| peer | test | suspect or bad by ours | readings | why |\n|---|---|---|---|---|")
    for record in records:
        for row in record["deviations"]:
            print(
                f"| {row['peer']} | {row['test']} | {row['noted']:,} | {row['readings']:,} | {row['cause']} |"
            )


if __name__ == "__main__":
    main()
