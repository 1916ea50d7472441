"""
`POST /publish`: an event to everyone on a topic.
"""

from __future__ import annotations

from typing import Any, Final

from attrs import frozen

from notifier.api.operations import Call, Operation
from notifier.api.problems import NOT_FOUND, Problem, not_valid
from notifier.api.shapes import TOPIC, WRITABLE, Shape, entity, maybe, number, text
from notifier.channels import Endpoint
from notifier.errors import describe
from notifier.protocol.events import DISCONNECT, HEARTBEAT, PHOENIX_TOPIC, PRESENCE_DIFF

EVENT_MAX_CHARACTERS: Final = 255
"""An event is a name; a longer one is refused."""

PRESENCE_STATE: Final = "presence_state"
"""What a client takes for the list of who is there; only a channel of the author's tells that."""

RESERVED: Final = (HEARTBEAT, DISCONNECT, PRESENCE_DIFF, PRESENCE_STATE)
"""Events that mean something to clients or to the server, besides all that begin with `phx_`."""

EVENT: Final = text(
    f"An event of yours: none that begins with phx_, and none of {', '.join(RESERVED)}.",
    EVENT_MAX_CHARACTERS,
    pattern=WRITABLE,
    **{"not": {"anyOf": [{"pattern": "^phx_"}, {"enum": list(RESERVED)}]}},
    examples=["new_msg"],
)
PAYLOAD: Final[Shape] = {
    "type": "object",
    "description": "What the clients get. On a topic with history `id` in it is ours.",
    "examples": [{"body": "maintenance in ten minutes"}],
}
ID: Final = text("The id of a message in the topic's history; ids sort.", 64)

PUBLISH: Final = entity("Publish", {"topic": TOPIC, "event": EVENT, "payload": PAYLOAD})
PUBLISHED: Final = entity(
    "Published",
    {
        "id": maybe(ID),
        "reached": number("Sessions that it was handed to, in this process.", 0, 2**53),
    },
)


@frozen
class Publishing:
    """
    Publishes for the API.
    """

    endpoint: Endpoint

    def operations(self) -> tuple[Operation, ...]:
        """
        Declare what can be asked for.
        """
        return (
            Operation(
                "publish",
                "POST",
                "/publish",
                scope="publish",
                summary="Send an event to everyone on a topic",
                doc="Answered once it is stored, where the topic has history; `id` is null where "
                "it has none.",
                handler=self.publish,
                body=PUBLISH,
                answer=PUBLISHED,
                status=201,
                is_once=True,
                problems=(NOT_FOUND,),
            ),
        )

    async def publish(self, call: Call) -> dict[str, Any]:
        """
        Send an event to everyone on a topic; raise Problem for one that nobody can join.
        """
        topic, event, payload = call.body["topic"], call.body["event"], call.body["payload"]
        check_served(self.endpoint, topic)
        try:
            receipt = await self.endpoint.broadcast(topic, event, payload)
        except TypeError as error:  # nested deeper than it can be written
            raise not_valid(
                "/payload", "an object that is nested less deep", describe(payload)
            ) from error
        return {"id": receipt.id, "reached": receipt.reached}


def check_served(endpoint: Endpoint, topic: str) -> None:
    """
    Raise Problem for a topic that no channel serves: on one such the nodes of a
    server talk among themselves.
    """
    if topic == PHOENIX_TOPIC or not endpoint.serves(topic):
        raise Problem(NOT_FOUND, "no channel serves the topic")
