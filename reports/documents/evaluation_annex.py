"""The end of an evaluation: quality of the data, rules with their clauses, what was delivered, how to prove it."""

from __future__ import annotations

from reports.documents.composing import Composer
from reports.documents.evidence import Evidence
from reports.documents.model import cells, number
from reports.documents.wording import NONE, absent, shown, status_word


def quality(composer: Composer, found: Evidence) -> None:
    """Write the chapter on the data's quality: coverage, quarantine, flags, what was left out, corrections."""
    composer.chapter("数据质量")
    composer.table(
        "各数据来源的交付与完整性",
        ("来源", "交付（份）", "拒收（份）", "单元格", "空白", "隔离", "修订", "有效率"),
        [
            cells(
                row["title"],
                number(str(row["deliveries"])),
                number(str(row["refused"])),
                number(str(row["cells_in"])),
                number(str(row["blank"])),
                number(str(row["quarantined"])),
                number(str(row["revised"])),
                number(row["coverage"] or NONE),
            )
            for row in found.sources
        ],
        (3, 1.1, 1.1, 1.2, 1, 1, 1, 1.1),
        empty="没有任何交付",
    )
    composer.note(
        "单元格为导出文件中的数值位置；有效率 = 1 −（空白 + 隔离）/ 单元格；修订为更正了先前说法的监测值个数。"
    )
    composer.table(
        "隔离原因",
        ("原因", "代码", "单元格"),
        [cells(row["reason_zh"], row["code"], number(str(row["cells"]))) for row in found.quarantined],
        (4, 2, 1),
        empty="没有被隔离的数据。",
    )
    composer.table(
        f"{found.year} 年质控标记",
        ("检验", "判定", "监测值（个）"),
        [cells(row["test_zh"], row["verdict_zh"], number(str(row["readings"]))) for row in found.flags],
        (4, 2, 1.4),
        empty="没有可疑或坏的监测值。",
    )
    left_out = [row for row in found.of_year() if not absent(row["left_out"]) and row["left_out"]]
    composer.items(
        [f"第 {row['indicator']} 项 {row['name']}：剔除 {row['left_out']} 个监测值" for row in left_out],
        "没有监测值因质控标记而被剔除。",
    )
    composer.table(
        f"{found.year} 年指标的更正（年度结束后首次判定以来）",
        ("序号", "指标", "获知时间", "原值", "新值", "原状态", "新状态"),
        [
            cells(
                number(str(row["indicator"])),
                row["name"],
                row["known_at"].replace("T", " "),
                number(shown(row["old_value"])),
                number(shown(row["new_value"])),
                status_word(row["old_status"]),
                status_word(row["new_status"]),
            )
            for row in found.turned
        ],
        (0.7, 3, 2, 1.1, 1.1, 1.2, 1.2),
        empty="没有：首次判定以来各指标未变。",
    )
    composer.note("逐条修订及其来源文件见 ecoplan revisions。")


def annex(composer: Composer, found: Evidence) -> None:
    """Write the annexes: rules and clauses, deliveries, and what proves the document."""
    composer.annex("附录一　采用的规则与条款")
    composer.table(
        "本文数值所依据的标准版本",
        ("标准", "名称", "施行", "条款"),
        [
            cells(
                row["id"],
                row["title_zh"],
                f"{row['valid_from']} 至 {row['valid_to'] or '今'}",
                row["clauses"],
            )
            for row in found.standards
        ],
        (1.8, 3, 1.8, 5),
        empty="本文没有按标准计算的数值",
    )
    composer.annex("附录二　数据交付的时间范围")
    composer.table(
        "各来源数据的起止",
        ("来源", "代码", "最早监测时间", "最晚监测时间", "最近入库"),
        [
            cells(
                row["title"],
                row["source"],
                row["observed_from"] or NONE,
                row["observed_to"] or NONE,
                row["loaded_at"] or NONE,
            )
            for row in found.sources
        ],
        (2.6, 2, 1.8, 1.8, 1.8),
        empty="没有任何交付",
    )
    composer.annex("附录三　可复核信息")
    composer.items(
        [
            f"数据截至（北京时间）：{found.as_of}",
            f"判定所依据的运行日期：{found.judged_on.isoformat()}",
            f"数据指纹（本文所用全部记录的 SHA-256）：{found.fingerprint()}",
            "复核：以相同的 --as-of 重新生成，文件逐字节相同；生成时仓库的规范转储哈希见同名 .json 文件。",
        ],
        "",
    )
