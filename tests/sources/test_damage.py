"""Whatever happens to an export on its way, a reader ends with an exact balance or one stated refusal.

Every layout's files of the corpus and its sound exports are damaged at random: as bytes, as tables, as JSON,
as workbooks and archives packed again. `make damage` tries 2,000 examples a layout (ECOPLAN_DAMAGE).
"""

import os
from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from made_damage import SEEDS, damaged
from made_deliveries import delivery
from made_exports import EXPORTS

from sources.catalogue import LAYOUTS, read_delivery, recognised
from sources.cells import delimited
from sources.delivery import delivery_name
from sources.result import ReadResult
from sources.sniff import sniff
from vocabulary.reasons import DeliveryRefusedError, reasons

Outcome = TypeVar("Outcome")

#: examples a layout
EXAMPLES = int(os.environ.get("ECOPLAN_DAMAGE", "30"))
#: no example may take longer: a hang ends the test
DEADLINE = timedelta(seconds=10)
LASTING = settings(
    max_examples=EXAMPLES,
    deadline=DEADLINE,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
)


def prove(result: ReadResult) -> None:
    """Check what a reader promises; the balance and the contract ReadResult proved when it was made."""
    known = reasons()
    assert result.cells_in > 0
    assert result.encoding
    assert result.readings["value"].notna().all()
    assert result.readings["observed_at"].notna().all()
    for column in ("site", "parameter", "period"):
        assert (result.readings[column] != "").all()
    assert (result.readings["row"] > 0).all()
    assert (result.rejects["row"] > 0).all()
    assert (result.rejects["cells"] > 0).all()
    assert {known[code].severity for code in result.rejects["code"].unique()} <= {"quarantine"}


def refusal_or(action: Callable[[], Outcome]) -> Outcome | None:
    """Return what an action gives; None where it refuses for a reason that may refuse a delivery."""
    try:
        return action()
    except DeliveryRefusedError as refusal:
        code = refusal.code
    assert reasons()[code].severity == "refuse"
    return None


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("source", LAYOUTS)
@LASTING
@given(data=st.data())
def test_damaged_exports_end_in_balance_or_in_a_stated_refusal(source, data):
    name, content = data.draw(damaged(source))
    result = refusal_or(lambda: read_delivery(content, delivery(source, name, content)))
    if result is not None:
        prove(result)


@pytest.mark.timeout(3600)
@LASTING
@given(data=st.data())
def test_sniff_ends_with_a_layout_a_proposal_or_a_stated_refusal(data):
    name, content = data.draw(damaged(data.draw(st.sampled_from(sorted(LAYOUTS)))))
    found = refusal_or(lambda: sniff(content, delivery("", name, content)))
    if found is None:
        return
    assert (found.source is None) == (found.confidence == 0)
    assert found.result is not None or found.problems
    if found.result is not None:
        prove(found.result)


def test_every_layout_is_damaged_as_bytes_and_as_tables():
    assert set(SEEDS) == set(LAYOUTS)
    assert all(len(seeds) >= 2 for seeds in SEEDS.values())


@pytest.mark.parametrize("source", EXPORTS)
def test_the_undamaged_exports_read(source):
    name, text = EXPORTS[source]
    result = read_delivery(text.encode(), delivery(source, name, text.encode()))
    assert len(result.readings) > 10
    sure = recognised(text.encode("gb18030"), name)
    assert next(iter(sure)) == source
    assert sure[source] > 0.3
    assert all(value < 0.3 for other, value in sure.items() if other != source)


@given(
    rows=st.lists(
        st.lists(
            st.text(st.characters(exclude_characters='",\r\n', exclude_categories=["Cs"]), max_size=4),
            min_size=1,
            max_size=5,
        ),
        min_size=1,
        max_size=8,
    )
)
def test_fields_come_back_as_they_were(rows):
    cells = delimited("\r\n".join(",".join(row) for row in rows))
    solid = [row for row in rows if row != [""]]
    assert [cells.record(line) for line in range(cells.records)] == solid
    assert cells.number.tolist() == [line + 1 for line, row in enumerate(rows) if row != [""]]


@given(st.text(max_size=80))
def test_names_lead_nowhere(path):
    parts = delivery_name(path).split("/")
    assert len(parts) <= 6
    assert not {"..", "."} & set(parts)
    assert "\x00" not in delivery_name(path)
