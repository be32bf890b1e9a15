from __future__ import annotations

from pathlib import Path

import pytest

from alerts.rules import AlertRulesError, load_alerts

ROOT = Path(__file__).resolve().parents[2]


def shipped_text() -> str:
    return (ROOT / "districts/chiping/alerts.toml").read_text("utf-8")


@pytest.mark.parametrize("district", ["chiping", "gaoxin"])
def test_the_shipped_rule_is_two_in_a_row_or_one_beyond_twice_the_limit(district: str) -> None:
    settings = load_alerts(ROOT / "districts" / district / "alerts.toml")
    rule = settings.rule("section-worse-than-v")
    assert (rule.title_zh, rule.raise_class, rule.raise_after, rule.raise_multiple) == ("断面劣Ⅴ", 6, 2, 2.0)
    assert (rule.clear_class, rule.clear_after, rule.horizon_days, rule.level) == (5, 2, 7, "red")
    assert rule.clause == "GB 3838-2002 表1"
    assert [channel.key for channel in rule.channels] == ["console", "file"]


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("raise_after = 2", "raise_after = 0", r"rule\[1\]\.raise_after"),
        ("raise_after = 2", "", r"rule\[1\]\.raise_after: Field required"),
        ("clear_after = 2", "clear_after = 2\nclear_afer = 3", r"rule\[1\]\.clear_afer"),
        ("clear_class = 5", "clear_class = 6", r"rule\[1\]: clear_class: expected below raise_class"),
        ('level = "red"', 'level = "purple"', r"rule\[1\]\.level"),
        ('["console", "file"]', '["console", "phone"]', r"role\[1\]\.channels: no channel phone"),
        ('rule = "*"', 'rule = "sections-worse"', r"route\[1\]\.rule: no rule"),
        ('key = "file"', 'key = "console"', "channel.key: stands twice: console"),
        (
            'kind = "file"',
            'kind = "apprise"',
            r"channel\[2\]: url_env: expected for kind 'apprise' or 'webhook'",
        ),
        ("horizon_days = 7", "horizon_days = ", "not TOML"),
        ("raise_multiple = 2.0", "raise_multiple = nan", r"rule\[1\]\.raise_multiple"),
        (
            "valid_from = 2002-06-01",
            "valid_from = 2002-06-01\nvalid_to = 2001-01-01",
            "valid_to: expected on or after",
        ),
    ],
)
def test_a_fault_names_the_file_and_the_key(tmp_path: Path, old: str, new: str, named: str) -> None:
    text = shipped_text()
    assert old in text
    path = tmp_path / "alerts.toml"
    path.write_text(text.replace(old, new, 1), "utf-8")
    with pytest.raises(AlertRulesError, match=named) as caught:
        load_alerts(path)
    assert str(path) in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(AlertRulesError, match=r"nowhere\.toml: cannot be read"):
        load_alerts(tmp_path / "nowhere.toml")


def test_an_address_pasted_into_the_file_is_refused_and_not_repeated(tmp_path: Path) -> None:
    path = tmp_path / "alerts.toml"
    entry = '\n[[channel]]\nkey = "duty"\nkind = "apprise"\nurl_env = "json://user:hunter2@host"\n'
    path.write_text(shipped_text() + entry, "utf-8")
    with pytest.raises(AlertRulesError, match=r"channel\[3\]\.url_env") as caught:
        load_alerts(path)
    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_an_unknown_rule_lists_those_that_exist() -> None:
    settings = load_alerts(ROOT / "districts/chiping/alerts.toml")
    with pytest.raises(AlertRulesError, match="section-worse-than-v"):
        settings.rule("nothing")


def test_a_rule_without_a_route_has_no_channels(tmp_path: Path) -> None:
    path = tmp_path / "alerts.toml"
    path.write_text(shipped_text().split("[[route]]")[0], "utf-8")
    assert load_alerts(path).rule("section-worse-than-v").channels == ()
