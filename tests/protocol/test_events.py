"""
The reserved words, spelled as phoenix.js spells them.
"""

from __future__ import annotations

from notifier.protocol import events


def test_events_are_those_of_phoenix() -> None:
    """
    Each word is what `constants.js` and `socket.ex` have, letter for letter.
    """
    words = {name: value for name, value in vars(events).items() if name.isupper()}
    ours = {"PROBE", "ACK", "RESUMED", "CONTROL_EVENTS"}
    words = {name: value for name, value in words.items() if name not in ours}
    assert words == {
        "PHX_JOIN": "phx_join",
        "PHX_LEAVE": "phx_leave",
        "PHX_REPLY": "phx_reply",
        "PHX_CLOSE": "phx_close",
        "PHX_ERROR": "phx_error",
        "HEARTBEAT": "heartbeat",
        "DISCONNECT": "disconnect",
        "PRESENCE_DIFF": "presence_diff",
        "PHOENIX_TOPIC": "phoenix",
    }


def test_control_frames_are_the_words_of_the_protocol() -> None:
    """
    Ours, as `docs/protocol.md` has them.
    """
    assert (events.PROBE, events.ACK, events.RESUMED) == ("probe", "ack", "resumed")
    assert {"probe", "ack", "resumed"} == events.CONTROL_EVENTS
