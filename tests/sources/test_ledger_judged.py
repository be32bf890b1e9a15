"""What the ledger readers accept is accepted by the judge as well: known words, periods and ranges."""

import pytest
from made_deliveries import delivery
from made_ledgers import LEDGER_EXPORTS

from quality.judge import judge
from sources.catalogue import read_delivery


@pytest.mark.parametrize("source", LEDGER_EXPORTS)
def test_no_sound_figure_is_turned_away_by_the_judge(source):
    name, text = LEDGER_EXPORTS[source]
    result = read_delivery(text.encode("gb18030"), delivery(source, name, text.encode("gb18030")))
    readings = result.readings.assign(delivery=0)
    judged = judge(readings, source=source)
    assert judged.refused == {}
    assert len(judged.accepted) == len(readings) > 10
