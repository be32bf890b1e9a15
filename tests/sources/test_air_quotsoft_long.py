"""The national release turned long: `t` is the end of the hour, units are the release's own."""

from made_deliveries import codes, delivery, one

from sources.catalogue import read_delivery

_CONTENT = b"""station,t,AQI,PM2.5,PM2.5_24h,O3_8h_24h,CO,wind
9001A,2019-01-01 00:00:00,,,58.0,47.0,1.2,
9001A,2019-01-01 17:00:00,165.0,125.0,79.0,27.0,1.3,3
"""


def test_columns_are_types_and_times_are_ends():
    result = read_delivery(_CONTENT, delivery("air-quotsoft-long", "long.csv", _CONTENT))
    assert result.cells_in == 12
    assert result.blank == 3
    assert codes(result) == {"unknown-parameter": 1}
    found = result.readings
    late = one(found, parameter="co", raw="1.2")
    assert (str(late["observed_at"]), late["value"], late["period"]) == ("2018-12-31 23:00:00", 1.2, "1h")
    mean = one(found, parameter="pm2_5", raw="79.0")
    assert (str(mean["observed_at"]), mean["period"], mean["row"]) == ("2019-01-01 16:00:00", "24h", 3)
    assert one(found, parameter="o3_8h", raw="47.0")["period"] == "24h"
