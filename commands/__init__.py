"""The commands of `ecoplan`, one module a group; `cli.py` puts them together."""
