"""Quality flags over time (质控标记): one verdict per test per reading, kept beside the value.

`flag` judges a whole frame at once; `context` says how far a changed reading can move verdicts.
The marks a provider delivers are another thing: see `quality.provider_flags`.
"""

from quality.flags.flagging import as_rows, context, flag
from quality.flags.rules import FlagRuleError, Rules, amended_rules, flag_rules, read_rules
from quality.flags.verdicts import OVERALL, Verdict

__all__ = [
    "OVERALL",
    "FlagRuleError",
    "Rules",
    "Verdict",
    "amended_rules",
    "as_rows",
    "context",
    "flag",
    "flag_rules",
    "read_rules",
]
