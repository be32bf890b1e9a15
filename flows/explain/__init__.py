"""Explain (溯源): why a stated value is what it is, down to the row of a landed file."""
