"""Dated rule tables and the pure functions on frames that apply them."""
