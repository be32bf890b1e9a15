"""The staff workbook: what its sheets hold is gathered, and the night publishes it where something changed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd
from sqlalchemy import Connection, func, select

from flows.answers.alerts import episodes_known
from flows.answers.permit_totals import day_of, permit_totals
from flows.answers.records import indicators as indicator_records
from flows.evaluate import registry_of, scope_of
from flows.explain.chain import words_of
from flows.progress import years_with_data
from flows.revised import revised_readings, shown_readings
from flows.run import Run, write_whole
from flows.site.parts import digest, readings_known, rows_known, rules_of
from indicators.air_editions import in_force_on_its_day
from indicators.emission_summary import LOOK_BACK
from reports.site.palette import aqi_levels
from reports.workbook import About, key_of, words, workbook_sheets, write_workbook
from vocabulary.clock import now_utc, today, wall_time
from vocabulary.district import District
from vocabulary.parameters import parameters
from vocabulary.rounding import round_half_even
from warehouse.recall import recall_table
from warehouse.schema import (
    air_days,
    aqi_days,
    deliveries,
    episodes,
    indicator_results,
    outlet_results,
    section_results,
)

#: before every reading
_EVER = datetime(1970, 1, 1)
_ITEMS = ("pm2_5", "pm10", "so2", "no2", "co", "o3_mda8")
#: a statistic's key adds this to its parameter's
_STATISTIC = "_(mda8|1h_max)$"
#: places of tonnes, and of a share in percent
_TONNES, _SHARE = 3, 1
_YES = {True: "是", False: "否"}


def workbook_of(
    connection: Connection,
    district: District,
    year: int,
    *,
    as_of: datetime | None = None,
    key: str = "",
    frames: Mapping[str, pd.DataFrame] | None = None,
) -> bytes:
    """Return the workbook of a district and year.

    Parameters
    ----------
    connection
        To the warehouse.
    district, year
        Whose, and of which year.
    as_of
        As known then (UTC); None: now.
    key
        What the workbook rests on, kept within it.
    frames
        What `gather_workbook` gave, where it is at hand.
    """
    edition = registry_of(district).of_topic("aqi")[-1]
    about = About(
        district=district.name_zh,
        year=year,
        known_at=wall_time(as_of or now_utc()).replace(microsecond=0),
        key=key,
        levels=aqi_levels(list(edition.tables["levels"].values())),
    )
    if frames is None:
        frames = gather_workbook(connection, district, year, as_of=as_of)
    return write_workbook(frames, about)


def gather_workbook(
    connection: Connection, district: District, year: int, *, as_of: datetime | None = None
) -> dict[str, pd.DataFrame]:
    """Return sheet key -> its rows, as `reports.workbook.write_workbook` takes them."""
    start, end = datetime(year, 1, 1), datetime(year + 1, 1, 1)
    places = district.sites.drop_duplicates("key", keep="last").set_index("key")
    sections = recall_table(
        connection,
        section_results,
        *scope_of(section_results, district, start, end, kinds=["month", "year"]),
        as_of=as_of,
    )
    outlets = recall_table(
        connection, outlet_results, *scope_of(outlet_results, district, start, end), as_of=as_of
    )
    return {
        "indicators": _typed(
            pd.DataFrame(indicator_records(connection, district, year, as_of=as_of)), "indicators"
        ),
        "sections": _typed(_matrix(sections, places), "sections"),
        "months": _typed(_months(sections, places), "months"),
        "days": _typed(_days(connection, district, start, end, as_of), "days"),
        "outlets": _typed(_outlets(outlets, places), "outlets"),
        "outlet_months": _typed(_outlet_months(outlets, places), "outlet_months"),
        "outlet_totals": _typed(_outlet_totals(connection, district, end, as_of), "outlet_totals"),
        "alerts": _typed(_alerts(connection, district, places, start, end, as_of), "alerts"),
        "revisions": _typed(_revisions(connection, district, places, start, end, as_of), "revisions"),
    }


def _typed(frame: pd.DataFrame, key: str) -> pd.DataFrame:
    """Return a frame with the sheet's columns, also where it has no rows."""
    (plan,) = [sheet for sheet in workbook_sheets() if sheet.key == key]
    return frame.reindex(columns=[column.key for column in plan.columns])


def _zh(texts: pd.Series) -> pd.Series:
    """Return parameter keys, with commas, as Chinese names."""
    said = {
        text: "、".join(words_of(name)[0] for name in str(text).split(",") if name) for text in texts.unique()
    }
    return texts.map(said)


def _classes(rows: pd.DataFrame) -> pd.Series:
    """Return the class as a number, or the word that stands in its place (断流); missing where nothing was judged."""
    classes = rows["class"].astype("Int64").astype(object)
    return classes.where(rows["class"].notna(), rows["reason"].where(rows["reason"] != "", None))


def _named(rows: pd.DataFrame, places: pd.DataFrame, *columns: str) -> pd.DataFrame:
    return rows.assign(**{name: rows["site"].map(places[name].to_dict()) for name in columns})


def _matrix(rows: pd.DataFrame, places: pd.DataFrame) -> pd.DataFrame:
    """Return one row a registered section with a column a month and the year; silence is an empty cell."""
    mine = places[places["kind"] == "section"]
    base = pd.DataFrame({"site": sorted(mine.index)})
    base = _named(base, places, "name", "river").assign(
        target=[mine.loc[site, "target_class"] for site in base["site"]]
    )
    if rows.empty:
        return base
    month = "m" + rows["period"].str.slice(5, 7)
    told = rows.assign(cell=_classes(rows), place=month.where(rows["period_kind"] == "month", "year"))
    wide = told.pivot(index="site", columns="place", values="cell")  # noqa: PD010 - no mean is meant
    year = told[told["period_kind"] == "year"].set_index("site")["worst"]
    base = base.merge(wide.reset_index(), on="site", how="left")
    return base.assign(
        worst=_zh(base["site"].map(year.to_dict()).astype(object).where(base["site"].isin(year.index), ""))
    )


def _months(rows: pd.DataFrame, places: pd.DataFrame) -> pd.DataFrame:
    rows = rows.sort_values(["site", "period_kind", "period"])
    told = _named(rows, places, "name")
    return told.assign(
        **{"class": _classes(rows)},
        target=rows["target_class"],
        attained=rows["attained"].map(_YES),
        valid=rows["valid"].map(_YES),
        worst=_zh(rows["worst"]),
        multiples=rows["multiples"].map(_multiples),
    )


def _multiples(text: str) -> str:
    """Return `tp=1.9;cod_mn=0.1` as 总磷 1.9 倍；高锰酸盐指数 0.1 倍."""
    parts = [part.split("=") for part in str(text).split(";") if "=" in part]
    return "；".join(f"{words_of(name)[0]} {times} 倍" for name, times in parts)


def _days(
    connection: Connection, district: District, start: datetime, end: datetime, as_of: datetime | None
) -> pd.DataFrame:
    """Return one row a day of the district: the edition in force on the day, and the other beside it."""
    index = recall_table(
        connection, aqi_days, *scope_of(aqi_days, district, start, end, sites=[""]), as_of=as_of
    )
    if index.empty:
        return index
    values = recall_table(
        connection, air_days, *scope_of(air_days, district, start, end, sites=[""]), as_of=as_of
    )
    for frame in (index, values):
        frame["day"] = frame["day"].astype("datetime64[us]")
    own = in_force_on_its_day(index, registry_of(district))
    rest = index.merge(own[["day", "edition"]], on=["day", "edition"], how="left", indicator=True)
    other = rest[rest["_merge"] == "left_only"].drop_duplicates("day")
    other = other[["day", "aqi", "edition"]].rename(columns={"aqi": "other_aqi", "edition": "other_edition"})
    # a value that is not valid is no value of the day
    kept = values[values["parameter"].isin(_ITEMS) & values["valid"].astype(bool)]
    wide = kept.pivot(index="day", columns="parameter", values="value").reset_index()  # noqa: PD010 - no mean is meant
    days = own.merge(wide, on="day", how="left").merge(other, on="day", how="left").sort_values("day")
    figures = [name for name in _ITEMS if name in days]
    days[figures] = days[figures].round(3)
    return days.assign(primary=_zh(days["primary"]))


def _outlets(rows: pd.DataFrame, places: pd.DataFrame) -> pd.DataFrame:
    """Return hours and days beyond a limit; what was only not judged is counted by month."""
    rows = rows[rows["verdict"] != "excluded"].sort_values(["site", "parameter", "start", "period_kind"])
    units = {key: item.unit for key, item in parameters().items()}
    told = _named(rows, places, "name", "enterprise")
    return told.assign(
        unit=rows["parameter"].map(units),
        parameter=_zh(rows["parameter"]),
        period_kind=rows["period_kind"].map(words("period_kind")),
        verdict=rows["verdict"].map(words("verdict")),
    )


def _outlet_months(rows: pd.DataFrame, places: pd.DataFrame) -> pd.DataFrame:
    if rows.empty:
        return pd.DataFrame(columns=["site"])
    hours = rows[(rows["period_kind"] == "hour") | (rows["verdict"] == "exceed_day")]
    month = hours["start"].dt.strftime("%Y-%m")
    wide = hours.assign(month=month).pivot_table(
        index=["site", "month"], columns="verdict", values="start", aggfunc="count", fill_value=0
    )
    return _named(wide.reset_index(), places, "name", "enterprise").sort_values(["site", "month"])


def _outlet_totals(
    connection: Connection, district: District, end: datetime, as_of: datetime | None
) -> pd.DataFrame:
    """Return tonnes of the year beside the permitted ones; what is not registered is an empty cell and a word."""
    rows = permit_totals(connection, district, end, day=day_of(district, as_of), as_of=as_of)
    for name in ("tonnes", "tonnes_substituted", "permit_remaining"):
        rows[name] = round_half_even(rows[name], _TONNES)
    notes = pd.Series("", index=rows.index).mask(rows["permit_remaining"] < 0, "已超许可排放量")
    notes = notes.mask(rows["tonnes"].isna(), "无小时数据").mask(rows["permit_of"] == "", "未登记许可排放量")
    return rows.assign(
        parameter=_zh(rows["parameter"].str.removesuffix("_norm")),
        permit_share=round_half_even(rows["permit_share"] * 100, _SHARE),
        note=notes,
    )


def _alerts(
    connection: Connection,
    district: District,
    places: pd.DataFrame,
    start: datetime,
    end: datetime,
    as_of: datetime | None,
) -> pd.DataFrame:
    """Return the episodes that touch the year, the newest first; those that never were are left out."""
    records = [
        record
        for record in episodes_known(connection, {district.key: district}, as_of)
        if record["since"] < end
        and (record["until"] is None or record["until"] >= start)
        and record["state"] != "annulled"
    ]
    if not records:
        return pd.DataFrame()
    rows = pd.DataFrame(records).sort_values(["since", "subject"], ascending=[False, True])
    names = places["name"].to_dict()
    return rows.assign(
        name=[names.get(subject, subject) for subject in rows["subject"]],
        level=rows["level"].map(words("level")),
        state=rows["state"].map(words("state")),
        message=rows["message_zh"],
    )


def _revisions(
    connection: Connection,
    district: District,
    places: pd.DataFrame,
    start: datetime,
    end: datetime,
    as_of: datetime | None,
) -> pd.DataFrame:
    found = revised_readings(connection, _EVER, as_of or now_utc(), district.key)
    mine = found[(found["observed_at"] >= start) & (found["observed_at"] < end)]
    if mine.empty:
        return pd.DataFrame()
    rows = shown_readings(mine)
    told = _named(rows, places, "name")
    return told.assign(
        parameter=_zh(rows["parameter"]), known_at=pd.to_datetime(rows["known_at"]).dt.floor("s")
    )


def latest_year(connection: Connection, district: District) -> int:
    """Return the last year with readings that a plan of the district covers; this year where there is none."""
    years = {
        year
        for year in years_with_data(connection, district.key)
        if any(plan.covers(year) for plan in district.plans)
    }
    return max(years, default=today().year)


def workbook_key(connection: Connection, district: District, year: int, run_date: Any) -> str:
    """Return what a workbook rests on, as a hash: it changes where the workbook would."""
    start, end = datetime(year, 1, 1), datetime(year + 1, 1, 1)
    known: list[Any] = [rules_of(district, run_date), year]
    known += rows_known(connection, section_results, *scope_of(section_results, district, start, end))
    known += rows_known(connection, aqi_days, *scope_of(aqi_days, district, start, end, sites=[""]))
    known += rows_known(connection, air_days, *scope_of(air_days, district, start, end, sites=[""]))
    known += rows_known(connection, outlet_results, *scope_of(outlet_results, district, start, end))
    outlets = district.sites.loc[district.sites["kind"] == "outlet", "key"].tolist()
    known += readings_known(connection, district, outlets, start - LOOK_BACK, end)
    known.append(end.date() <= day_of(district, None))
    known += rows_known(
        connection,
        indicator_results,
        indicator_results.c.district == district.key,
        indicator_results.c.period == str(year),
    )
    known += [
        str(value)
        for query in (
            select(func.count(), func.max(episodes.c.updated_at)).where(episodes.c.district == district.key),
            select(func.count(), func.coalesce(func.sum(deliveries.c.revised), 0)).where(
                deliveries.c.district == district.key
            ),
        )
        for value in connection.execute(query).one()
    ]
    return digest([known, [[column.key for column in sheet.columns] for sheet in workbook_sheets()]])


def publish_workbooks(run: Run) -> dict[str, Path]:
    """Write the workbook of each district's latest year under `report/workbook/`, where it changed.

    Workbooks of other years that somebody made there (`ecoplan workbook --year`) are kept up to date as well.

    Returns
    -------
    dict
        `<district> <year>` -> the workbook.
    """
    folder = run.settings.home / "report" / "workbook"
    folder.mkdir(parents=True, exist_ok=True)
    places: dict[str, Path] = {}
    with run.warehouse.read() as connection:
        for district in run.districts.values():
            made = {int(place.stem[-4:]) for place in folder.glob(f"{district.key}-[12][0-9][0-9][0-9].xlsx")}
            for year in sorted({latest_year(connection, district), *made}):
                place = folder / f"{district.key}-{year}.xlsx"
                key = workbook_key(connection, district, year, run.run_date)
                if key_of(place) != key:
                    write_whole(place, workbook_of(connection, district, year, key=key))
                places[f"{district.key} {year}"] = place
    return places


def sheets_said(frames: Mapping[str, pd.DataFrame]) -> list[dict[str, Any]]:
    """Return one record a sheet: its name and its rows."""
    return [{"sheet": sheet.zh, "rows": len(frames[sheet.key])} for sheet in workbook_sheets()]
