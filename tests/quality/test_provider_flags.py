"""Which provider flags leave a reading usable: known answers from the release and from HJ 212."""

from __future__ import annotations

import pandas as pd
import pytest

from quality.provider_flags import FlagPolicyError, flag_policies, left_out, usable

USES = ["real-time-class", "evaluation", "emissions"]


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize(
    ("flag", "good"),
    [
        ("", True),
        ("正常", True),
        (" 正常 ", True),
        ("N", True),
        ("n", True),
        ("Ｎ", True),
        (None, True),
        ("维护", False),
        ("停站", False),
        ("停运", False),
        ("不具备运行条件", False),
        *((letter, False) for letter in "FMSDCTB"),
        ("never heard of", False),
    ],
)
def test_a_flag_per_use(make, use, flag, good):
    readings = make([{"provider_flag": "N"}, {"provider_flag": "维护"}])
    readings["provider_flag"] = pd.Series([flag, "维护"], dtype="str")
    assert usable(readings, use).tolist() == [good, False]


def test_the_mask_stands_on_the_index_of_the_readings(make):
    readings = make([{"provider_flag": flag} for flag in ["N", "D", "N"]]).set_index(pd.Index([7, 5, 7]))
    mask = usable(readings, "emissions")
    assert mask.index.tolist() == [7, 5, 7]
    assert mask.tolist() == [True, False, True]


def test_no_readings_no_mask(make):
    assert usable(make([]), "evaluation").tolist() == []
    assert left_out(make([]), "evaluation").empty


def test_what_is_left_out_is_counted(make):
    readings = make(
        [
            {"provider_flag": "维护"},
            {"provider_flag": "维护"},
            {"parameter": "ph", "provider_flag": "停站"},
            {"provider_flag": "正常"},
        ]
    )
    assert left_out(readings, "real-time-class").to_dict("records") == [
        {"parameter": "ph", "provider_flag": "停站", "readings": 1},
        {"parameter": "pm2_5", "provider_flag": "维护", "readings": 2},
    ]


def test_a_use_without_a_policy_is_an_error(make):
    with pytest.raises(
        FlagPolicyError, match="'leisure', expected one of real-time-class, evaluation, emissions"
    ):
        usable(make([{}]), "leisure")


def test_every_policy_names_its_clause():
    assert list(flag_policies()) == USES
    assert all(policy.clause and policy.sure and policy.version for policy in flag_policies().values())
