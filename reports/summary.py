"""The run's summary as Markdown, for the artifact of a flow run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jinja2 import Environment

_TEMPLATE = """\
# {{ s.kind }} {{ s.run_date }} — {{ s.status }}

| 区划 | 来源 | 文件 | 已知 | 入库 | 拒收 | 单元格 | 新增 | 修订 | 隔离 | 空白 | 说明 |
|---|---|---|---|---|---|---|---|---|---|---|---|
{% for r in s.sources -%}
| {{ r.district }} | {{ r.source }} | {{ r.found }} | {{ r.known }} | {{ r.loaded }} | {{ r.refused }} \
| {{ r.counts.cells_in or 0 }} | {{ r.counts.new or 0 }} | {{ r.counts.revised or 0 }} \
| {{ r.counts.quarantined or 0 }} | {{ r.counts.blank or 0 }} | {{ r.failure | cell }} |
{% endfor %}
{% if s.indicators %}
## 指标 Indicators

| 区划 | 序号 | 指标 | 现值 | 目标 | 状态 |
|---|---|---|---|---|---|
{% for i in s.indicators -%}
| {{ i.district }} | {{ i.indicator }} | {{ i.name | cell }} | {{ i.value if i.value is not none else "" }} \
| {{ i.target | cell }} | {{ i.status }} |
{% endfor %}{% endif %}
{% if s.episodes %}
## 预警 Episodes
{% for e in s.episodes %}
- {{ e.state }} {{ e.message | cell }}
{% endfor %}{% endif %}
{% for r in s.sources %}{% for line in r.findings %}
- {{ r.district }}/{{ r.source }} {{ line | cell }}{% endfor %}{% endfor %}
{% for line in s.failures + s.findings %}
- {{ line | cell }}
{% endfor %}
"""


def _cell(value: object) -> str:
    """Keep a text inside its Markdown cell: no line breaks, no bars, no mark-up."""
    text = " ".join(str(value).split())
    for sign in "\\`*_{}[]<>|#":
        text = text.replace(sign, f"\\{sign}")
    return text


def summary_markdown(summary: Mapping[str, Any]) -> str:
    """Return a run's summary (as plain data) as Markdown."""
    environment = Environment(autoescape=False, trim_blocks=False)  # noqa: S701  # Markdown, escaped by `cell`
    environment.filters["cell"] = _cell
    return environment.from_string(_TEMPLATE).render(s=summary)
