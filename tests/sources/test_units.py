from vocabulary.units import conversion, unit_named, units


def test_units():
    assert unit_named("μg/m³").key == unit_named("µg/m3").key == "ug/m3"
    assert unit_named("furlong") is None
    assert (conversion("mg/m3", "ug/m3").exponent, conversion("ug/L", "mg/L").exponent) == (3, -3)
    assert conversion("L/s", "m3/h").factor == 3.6
    assert conversion("mg/L", "mg/m3") is None
    assert conversion("mS/m", "uS/cm").exponent == 1
    assert all(unit_named(alias) is unit for unit in units().values() for alias in unit.aliases)
