"""Charts of documents, the same bytes on every machine: SVG with its text kept as text, PNG for word processors.

Drawn with the font that comes with the drawing library, whatever the machine has installed; it has no Chinese,
so that only digits, signs and Latin letters are drawn and the words stand in the caption and the legend, which
the reader's own fonts show. A text that could not be drawn is an error, never an empty box.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from reports.documents.model import Chart, DocumentError, Panel, Series, colour_of, drawable

_FONT = "DejaVu Sans"
_LINE_MARKS = ("o", "s", "^", "D", "v", "*")
#: labels of the x axis that stand beside each other without touching
_MOST_LABELS = 13
_WIDTH = 6.4
_DPI = 160
#: inches around and between the axes: room for tick labels and titles
_LEFT, _RIGHT, _BOTTOM, _TOP, _BETWEEN = 0.6, 0.1, 0.32, 0.3, 0.75
_SETTINGS: dict[Any, Any] = {
    "font.family": _FONT,
    "font.size": 8,
    "svg.fonttype": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#dddddd",
    "grid.linewidth": 0.6,
    "text.parse_math": False,
    "axes.unicode_minus": False,
}
_IDS = re.compile(r'(id="|url\(#|xlink:href="#|href="#)([^")]+)')


def chart_svg(chart: Chart, name: str) -> str:
    """Return a chart as an SVG element; `name` keeps its ids apart from those of other charts on the page.

    Raises
    ------
    DocumentError
        When a label holds what the drawing font has not.
    """
    with _settings(name):
        text = _drawn(chart, "svg", {"Date": None}).decode()
    body = text[text.index("<svg") :]
    body = _IDS.sub(rf"\g<1>{name}-\g<2>", body)
    # where the drawing font is not installed the reader's own sans serif stands in
    return body.replace(f"'{_FONT}'", f"'{_FONT}', sans-serif").strip()


def chart_png(chart: Chart, name: str) -> bytes:
    """Return a chart as a PNG picture; the rest is as `chart_svg`."""
    with _settings(name):
        return _drawn(chart, "png", {"Software": None})


@contextmanager
def _settings(name: str) -> Iterator[None]:
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update({**_SETTINGS, "svg.hashsalt": name})
        yield


def _drawn(chart: Chart, form: str, metadata: dict[str, None]) -> bytes:
    columns = chart.columns
    rows = -(-len(chart.panels) // columns)
    high = chart.height * rows
    figure = Figure(figsize=(_WIDTH, high))
    # margins in inches: a layout worked out from the texts costs as much as the drawing itself
    figure.subplots_adjust(
        left=_LEFT / _WIDTH,
        right=1 - _RIGHT / _WIDTH,
        bottom=_BOTTOM / high,
        top=1 - _TOP / high,
        wspace=_BETWEEN * columns / _WIDTH,
        hspace=(_BOTTOM + _TOP) / (chart.height - _BOTTOM - _TOP),
    )
    grid = np.asarray(figure.subplots(rows, columns, squeeze=False)).reshape(-1)
    for axes, panel in zip(grid, chart.panels, strict=False):
        _panel(axes, panel)
    for axes in grid[len(chart.panels) :]:
        axes.set_visible(False)
    buffer = io.BytesIO()
    figure.savefig(buffer, format=form, dpi=_DPI, metadata=metadata)
    return buffer.getvalue()


def _panel(axes: Axes, panel: Panel) -> None:
    at = np.arange(len(panel.x), dtype=np.float64)
    bars = [series for series in panel.series if series.shape == "bar"]
    below = np.zeros(len(at))
    for place, series in enumerate(panel.series):
        values = np.asarray([np.nan if value is None else value for value in series.values], dtype=np.float64)
        if series.shape == "bar":
            below = _bar(axes, panel, series, (place, bars), at, values, below)
        else:
            _line(axes, series, place, at, values)
    step = -(-len(panel.x) // _MOST_LABELS)
    axes.set_xticks(at[::step], [_drawable(text) for text in panel.x[::step]])
    axes.set_xlim(-0.6, len(at) - 0.4)
    low, high = axes.dataLim.intervaly
    if low == high:  # one value alone: an axis of its own noise says nothing
        axes.set_ylim(min(0.0, 1.5 * low), max(0.0, 1.5 * high) or 1.0)
    axes.yaxis.set_major_locator(MaxNLocator(nbins=5))
    axes.grid(visible=False, axis="x")
    if panel.title:
        axes.set_title(_drawable(panel.title), fontsize=8.5, loc="left")


def _bar(
    axes: Axes,
    panel: Panel,
    series: Series,
    where: tuple[int, list[Series]],
    at: np.ndarray,
    values: np.ndarray,
    below: np.ndarray,
) -> np.ndarray:
    """Draw bars on each other or beside each other; return how high they stand."""
    place, bars = where
    given = np.nan_to_num(values)
    style: dict[str, Any] = {"color": colour_of(series, place), "edgecolor": "#333333", "linewidth": 0.4}
    if panel.stacked:
        axes.bar(at, given, 0.75, bottom=below, **style)
        return np.asarray(below + given)
    width = 0.8 / len(bars)
    shift = (bars.index(series) - (len(bars) - 1) / 2) * width
    axes.bar(at + shift, given, width, **style)
    return below


def _line(axes: Axes, series: Series, place: int, at: np.ndarray, values: np.ndarray) -> None:
    colour = colour_of(series, place)
    if series.shape == "limit":
        axes.plot(at, values, color=colour, linestyle="--", linewidth=1)
        # a limit of one period alone would be no line
        axes.plot(at, values, color=colour, linestyle="", marker="_", markersize=9)
        return
    mark = _LINE_MARKS[place % len(_LINE_MARKS)]
    axes.plot(at, values, color=colour, linewidth=1.4, marker=mark, markersize=3.5)


def _drawable(text: str) -> str:
    if not drawable(text):
        raise DocumentError(
            f"{text!r}: a label of a chart is drawn with digits, signs and Latin letters only"
        )
    return text
