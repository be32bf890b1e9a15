"""Great Expectations suites, quality flags and quarantine decisions."""
