"""Schema, load, recall (`as_of`), ledger and migrations."""
