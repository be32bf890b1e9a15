"""Header drift: a renamed column, a changed unit and a missing column are said, with a proposal."""

import pytest
from made_deliveries import codes, delivery

from sources.catalogue import read_delivery
from sources.drift import propose

_HEAD = "省份,流域,断面名称,监测时间,水质类别,水温(℃),pH(无量纲),{tp},站点情况\n"
_LINE = "山东省,海河流域,前油坊,04-01 08:00,Ⅲ,12.9,8.4,150,正常\n"


def read(tp: str):
    content = (_HEAD.format(tp=tp) + _LINE).encode()
    return read_delivery(content, delivery("water-cnemc-section", "2021-04/前油坊.csv", content))


@pytest.mark.parametrize(
    ("heading", "parameter"),
    [
        ("总磷在线值", "tp"),
        ("高锰酸钾指数", "cod_mn"),
        ("COD-Mn", "cod_mn"),
        ("NH3N", "nh3_n"),
        ("溶氧", "do"),
        ("电导", "conductivity"),
    ],
)
def test_a_renamed_column_is_proposed(heading, parameter):
    assert propose(heading).parameter == parameter


@pytest.mark.parametrize("heading", ["", "风", "站点编码", "备注2"])
def test_what_resembles_nothing_is_not_guessed(heading):
    assert propose(heading) is None


def test_a_renamed_column_goes_to_quarantine_with_its_proposal():
    result = read("总磷在线值(mg/L)")
    assert codes(result) == {"unknown-parameter": 1}
    (said,) = [problem for problem in result.problems if problem.code == "column-unknown"]
    assert said.zh == "列“总磷在线值(mg/L)”不在版式中；疑为“总磷”（tp），若属实请把“总磷在线值”加入别名"
    assert said.en == (
        "unknown column '总磷在线值(mg/L)'; perhaps tp (总磷): if so, add the alias '总磷在线值'"
    )


def test_a_changed_unit_is_said_and_converted():
    result = read("总磷(μg/L)")
    assert codes(result) == {}
    assert result.readings.set_index("parameter").loc["tp", "value"] == 0.15
    assert [problem.code for problem in result.problems if problem.code == "unit-changed"] == ["unit-changed"]


def test_a_missing_column_is_said():
    assert "column-missing" in {problem.code for problem in read("总磷在线值(mg/L)").problems}
