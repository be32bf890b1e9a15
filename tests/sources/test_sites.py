import pandas as pd
import pytest

from sources.sites import SiteRegistryError, register, unregistered

REGISTRY = pd.DataFrame(
    {
        "key": ["CP-A1", "CP-S1", "CP-S2", "CP-S3"],
        "name": ["茌平一中", "徒骇河断面", "共有名", "共有名"],
        "aliases": ["9101A", "山东省/徒骇河断面;徒骇河（老）", None, ""],
    }
)


def test_names_aliases_and_keys_become_keys_and_strangers_stay():
    frame = pd.DataFrame(
        {
            "site": pd.Series(
                [
                    "9101A",
                    "9101a ",
                    "山东省/徒骇河断面",
                    "徒骇河(老)",
                    "徒骇河断面",
                    "CP-S2",
                    "共有名",
                    "1625A",
                    "",
                ],
                dtype="str",
            ),
            "value": range(9),
        }
    )
    found = register(frame, REGISTRY)
    assert found["site"].tolist() == [
        "CP-A1",
        "CP-A1",
        "CP-S1",
        "CP-S1",
        "CP-S1",
        "CP-S2",
        "共有名",
        "1625A",
        "",
    ]
    assert found["site"].dtype == frame["site"].dtype
    assert found["value"].tolist() == list(range(9))
    assert unregistered(frame, REGISTRY) == ["1625A", "共有名"]
    assert unregistered(found, REGISTRY) == ["1625A", "共有名"]


def test_an_empty_frame_stays_empty():
    assert register(pd.DataFrame({"site": pd.Series([], dtype="str")}), REGISTRY).empty


def test_one_alias_for_two_sites_is_an_error():
    registry = pd.DataFrame({"key": ["A", "B"], "name": ["", ""], "aliases": ["x;y", "z;X"]})
    with pytest.raises(SiteRegistryError, match="'X' names two sites: A, B"):
        register(pd.DataFrame({"site": ["x"]}), registry)
