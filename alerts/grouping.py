"""Groups of episodes (归并): those of one river, one enterprise or one district may leave as one message."""

from __future__ import annotations

from alerts.messages import Place
from alerts.rules import Rule


def group_of(rule: Rule, place: Place, district: str) -> str:
    """Return the key of the group an episode belongs to: `river:徒骇河`, `enterprise:…`, `district:chiping`.

    A subject without river or enterprise belongs to its district.
    """
    name = {"river": place.river, "enterprise": place.enterprise}.get(rule.group, "")
    return f"{rule.group}:{name}" if name else f"district:{district}"
