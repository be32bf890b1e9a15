"""Rounding by GB/T 8170: half to even on the decimal value, one step only.

Exact and vectorised: a float64 that came from a decimal text of up to 15 significant digits is taken
at its shortest decimal form, so 0.125 -> 0.12 and 0.135 -> 0.14 (float `round` gives 0.14 and 0.14 or 0.13).
"""

from __future__ import annotations
