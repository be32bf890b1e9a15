"""Order of statements: which delivery speaks later about the same reading.

The order must not depend on the order of arrival, so it is taken from the delivery itself: first the
time its platform issued it, then the time the file was last modified, then the place in the file.
One integer holds all three: 27 bits of minutes, 31 bits of seconds, 5 bits of place.
"""

from __future__ import annotations

from datetime import datetime

_EPOCH = datetime(2000, 1, 1)
_PLACE_BITS = 5
_SECOND_BITS = 31
#: statements of one reading in one delivery that can be told apart
PLACES = 1 << _PLACE_BITS
#: the smallest step between two deliveries
STEP = 1 << _PLACE_BITS


def delivery_rank(issued_at: datetime, modified_at: datetime) -> int:
    """Return the rank of a delivery; later issued, then later modified, ranks higher.

    Times are Asia/Shanghai wall times without zone, from 2000 on; earlier ones count as 2000.
    """
    minutes = max(0, int((issued_at - _EPOCH).total_seconds() // 60))
    seconds = max(0, int((modified_at - _EPOCH).total_seconds()))
    seconds = min(seconds, (1 << _SECOND_BITS) - 1)
    return (minutes << (_SECOND_BITS + _PLACE_BITS)) | (seconds << _PLACE_BITS)
