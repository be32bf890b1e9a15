"""Builds what no monitor gives: ledgers, returns, registers, documents, and notes what stands in them."""

from __future__ import annotations

from typing import Any

import example_ledgers as ledgers
from example_planted import Exports, Planted

_AREA = {"chiping": "茌平区", "gaoxin": "高新区"}
_PREFIX = {"chiping": "CPJP", "gaoxin": "GXJP"}
_QUARTERS = ("2025年第1季度", "2025年第2季度", "2025年第3季度", "2025年第4季度", "2026年第1季度")
_LEDGER, _RETURN, _TARGETS = "重点工程减排台账.csv", "统计报表_2020-2025.csv", "目标下达_2024-05-20.csv"
_WATERS, _WELLS, _DUST = "黑臭水体清单_2025年第4季度.csv", "地下水监测_2025.csv", "沙尘时段_2025-04.csv"

#: what the plan says of 2025, typed by hand: indicator, value, status, file, words, further facts
_INDICATORS: dict[str, tuple[tuple[int, float | str, str, str, str, dict[str, Any]], ...]] = {
    "chiping": (
        (5, 0.0, "met", _WATERS, "城市两条均已消除 / both urban waters eliminated", {"part": 0, "whole": 2}),
        (6, 33.3, "target-pending", _WELLS, "三口井一口Ⅴ类 / one of three wells is class V", {"part": 1, "whole": 3}),
        (7, 55.4, "met", _RETURN, "高于目标 55 / above the target of 55", {}),
        (8, 2061.6, "met", _LEDGER, "核定量恰好等于目标 / recognised to the last tenth", {"claimed": 2200}),
        (9, 1476.0, "off-track", _LEDGER, "上报够而核定不足 / claimed enough, recognised too little", {"claimed": 1600}),
        (10, 958.3, "met", _LEDGER, "核定量恰好等于目标 / recognised to the last tenth", {"claimed": 1005}),
        (11, 28.6, "off-track", _LEDGER, "扣除替代 0.5 后不足 / 0.5 used for an offset is missing", {"claimed": 31.7}),
        (12, 16.05, "target-pending", _RETURN, "目标待下达 / the target is pending", {}),
        (13, 14.2, "target-pending", _RETURN, "目标待下达 / the target is pending", {}),
        (14, 9.0, "target-pending", _RETURN, "目标待下达 / the target is pending", {}),
        (15, 100.0, "target-pending", _RETURN, "目标待下达 / the target is pending", {}),
        (16, 1.0, "met", _RETURN, "有效保障，附依据 / safe, with its evidence", {}),
        (17, 52.55, "met", _RETURN, "较2020年 +0.45 / 0.45 above 2020", {}),
        (18, 3.7, "met", _RETURN, "目标由后来文件下达 3.65 / a later document sets 3.65", {"target": 3.65}),
        (19, 29450.0, "target-pending", _RETURN, "目标待下达 / the target is pending", {}),
        (20, 545.6, "target-pending", _RETURN, "目标待下达 / the target is pending", {}),
        (21, 1.44, "met", _RETURN, "不减少 / not less", {}),
    ),
    "gaoxin": (
        (5, 50.0, "off-track", _WATERS, "两条中一条未消除 / one of two waters remains", {"part": 1, "whole": 2}),
        (6, 0.0, "target-pending", _WELLS, "两口井无Ⅴ类 / none of two wells is class V", {"part": 0, "whole": 2}),
        (7, 56.0, "off-track", _RETURN, "目标由后来文件下达 60 / a later document sets 60", {"target": 60}),
        (8, 374.8, "met", _LEDGER, "核定量恰好等于目标 / recognised to the last tenth", {"claimed": 405}),
        (9, 690.0, "met", _LEDGER, "高于目标 685.9 / above the target of 685.9", {"claimed": 740}),
        (10, 339.1, "met", _LEDGER, "核定量恰好等于目标 / recognised to the last tenth", {"claimed": 370}),
        (11, 7.5, "off-track", _LEDGER, "2025年尚未核定 / 2025 is not recognised yet", {"claimed": 10}),
        (12, 17.1, "target-pending", _RETURN, "目标待下达 / the target is pending", {}),
        (13, 15.0, "target-pending", _RETURN, "目标待下达 / the target is pending", {}),
        (14, 10.3, "target-pending", _RETURN, "目标待下达 / the target is pending", {}),
        (15, 98.5, "target-pending", _RETURN, "目标待下达 / the target is pending", {}),
        (16, "", "no-data", _RETURN, "结论没有依据 / the verdict has no evidence", {}),
        (17, 47.0, "off-track", _RETURN, "较2020年 -1.20 / 1.20 below 2020", {}),
        (18, 10.1, "target-pending", _RETURN, "目标待下达 / the target is pending", {}),
        (19, 0.17205, "target-pending", _RETURN, "报表以吨计 / returned in tonnes", {}),
        (20, 0.00384, "target-pending", _RETURN, "报表以吨计 / returned in tonnes", {}),
        (21, 0.000325, "target-pending", _RETURN, "报表以平方公里计 / returned in km2", {}),
    ),
}  # fmt: skip
_SOURCE_OF = {
    _LEDGER: "reduction-ledger",
    _RETURN: "statistics-return",
    _WATERS: "black-odorous-register",
    _WELLS: "groundwater-points",
}


def _note(
    exports: Exports, kind: str, district: str, source: str, site: str, file: str, when: str, **more: Any
) -> None:
    zh, en = more.pop("text").split(" / ")
    until, expect = more.pop("until", when), more.pop("expect")
    exports.planted.append(
        Planted(kind, district, source, site, file, when, until, expect, zh, en, more["facts"])
    )


def _plant(scenario: dict[str, Any], district: str, exports: Exports) -> None:
    for number, value, status, file, text, facts in _INDICATORS[district]:
        _note(
            exports, "indicator", district, _SOURCE_OF[file], district, file, "2025-01-01T00:00",
            expect=status, text=text, facts={"indicator": number, "value": value} | facts,
        )  # fmt: skip
    told = scenario["ledgers"]
    ((name, _, _, target, document, _),) = told["targets"][district]
    _note(
        exports, "target", district, "target-documents", f"{district}/2025", _TARGETS, "2024-05-20T00:00",
        expect="superseded", text=f"{name}目标 {target} / a target handed down later",
        facts={"document": document, "target": float(target.lstrip("≥"))},
    )  # fmt: skip
    (manual,) = [item for item in told["manual"] if item["district"] == district]
    _note(
        exports, "dry-month", district, "water-monthly", manual["key"], "地表水手工监测月报_2026-02.xlsx",
        "2026-02-05T00:00", expect="dry", text="当月断流，无类别 / no water that month, no class", facts={},
    )  # fmt: skip
    dust = told["dust"]
    _note(
        exports, "dust", district, "dust-events", district, _DUST, dust["begin"].replace(" ", "T"),
        until="2025-04-13T01:00", expect="read", text="一次沙尘过程 / one sand-dust event",
        facts={"hours": 18, "document": dust["document"]},
    )  # fmt: skip


def build_ledgers(scenario: dict[str, Any], district: str, exports: Exports) -> None:
    """Add a district's ledgers, returns, registers and documents and note what they come to."""
    told = scenario["ledgers"]
    projects = [item for item in told["reduction"] if item["district"] == district]
    rows = ledgers.reduction_rows(projects, _PREFIX[district])
    exports.add(f"{district}/reductions/{_LEDGER}", ledgers.as_csv(rows, "gb18030"))
    rows = ledgers.return_rows(told["returns"][district])
    exports.add(f"{district}/returns/{_RETURN}", ledgers.as_csv(rows, "gb18030"))
    rows = ledgers.target_rows(told["targets"][district])
    exports.add(f"{district}/targets/{_TARGETS}", ledgers.as_csv(rows))
    for number, name in enumerate(_QUARTERS):
        rows = ledgers.water_rows(told["waters"][district], number, name)
        exports.add(f"{district}/waters/黑臭水体清单_{name}.csv", ledgers.as_csv(rows))
    wells = [item for item in told["well"] if item["district"] == district]
    for year in ledgers.YEARS:
        rows = ledgers.well_rows(scenario["seed"], wells, year)
        exports.add(f"{district}/groundwater/地下水监测_{year}.csv", ledgers.as_csv(rows))
    for manual in told["manual"]:
        for sample in manual["samples"] if manual["district"] == district else ():
            book = ledgers.as_workbook("月报", ledgers.monthly_rows(manual, sample))
            exports.add(f"{district}/water/monthly/地表水手工监测月报_{sample[0]}.xlsx", book)
    rows = ledgers.dust_rows(_AREA[district], told["dust"])
    exports.add(f"{district}/events/{_DUST}", ledgers.as_csv(rows))
    _plant(scenario, district, exports)
