"""What the outbox and the pages do to the warehouse is the same on both engines."""

from __future__ import annotations

import pytest
from sqlalchemy import insert, select

from alerts.dead_letters import dead_letters, retry_dead
from alerts.outbox import deliver
from alerts.outgoing import ChannelError, Outgoing
from alerts.queueing import queue_messages
from alerts.routing_settings import ChannelSettings
from service.desk import Desk, SpentError
from tests.alerts.receiving import NOW as LATE
from tests.alerts.receiving import waiting
from tests.service.pages import EPISODE, LINKS, NOW
from warehouse.engine import Warehouse
from warehouse.schema import acts, episodes, outbox, spent_tokens

pytestmark = pytest.mark.filterwarnings("ignore:XDG_RUNTIME_DIR is not set")


class Taker:
    """A channel that is down two times."""

    settings = ChannelSettings(key="hook", kind="console", digest_from=2, max_attempts=2)

    def __init__(self) -> None:
        self.refuse = 2
        self.taken: list[Outgoing] = []

    def send(self, message: Outgoing) -> None:
        if self.refuse:
            self.refuse -= 1
            raise ChannelError("down", maybe_taken=False)
        self.taken.append(message)


def test_a_digest_is_taken_back_given_up_and_tried_again(warehouse: Warehouse) -> None:
    engine, taker = warehouse.engine(), Taker()
    with engine.begin() as connection:
        queue_messages(connection, [waiting(1), waiting(2)])
    deliver(engine, {"hook": taker}, now=LATE)
    with engine.begin() as connection:
        assert list(connection.execute(select(outbox.c.state)).scalars()) == ["waiting", "waiting"]
        queue_messages(connection, [waiting(3)])
    deliver(engine, {"hook": taker}, now=LATE.replace(hour=20))
    with engine.begin() as connection:
        (letter,) = dead_letters(connection)
        assert letter["tells"] == 3
        retry_dead(connection, [letter["key"]], at=LATE)
    assert deliver(engine, {"hook": taker}, now=LATE.replace(hour=21)).sent == {"hook": 3}
    assert [len(message.tells) for message in taker.taken] == [3]
    with engine.connect() as connection:
        assert set(connection.execute(select(outbox.c.state)).scalars()) == {"sent"}
    engine.dispose()


def test_a_link_acts_once(warehouse: Warehouse) -> None:
    with warehouse.begin() as connection:
        number = connection.execute(insert(episodes).values(EPISODE).returning(episodes.c.id)).scalar_one()
    desk = Desk(warehouse.url.render_as_string(hide_password=False), LINKS, {}, clock=lambda: NOW)
    token = LINKS.read(
        LINKS.link(number, "acknowledge", at=NOW, nonce="k").rsplit("/", 1)[1], "acknowledge", now=NOW
    )
    assert desk.acknowledge(token, actor="王值班", note="").first
    with pytest.raises(SpentError):
        desk.acknowledge(token, actor="王值班", note="")
    with desk.reading() as connection:
        assert desk.row(connection, number)["state"] == "acknowledged"
        assert (
            len(connection.execute(select(acts)).all())
            == len(connection.execute(select(spent_tokens)).all())
            == 1
        )
