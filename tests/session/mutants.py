"""
The server with one rule broken: what each is there for.

What no walk can show is not here: frames that are taken by their number from an
older WebSocket do no harm, and one POST at a time leaves no gap. Those rules
have tests of their own.

A mutant is the source with a few words replaced. Where the source changes, so
must these; a mutant that finds no words of its own fails its test.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from types import ModuleType
from typing import Any

from notifier.session import mailbox, resume
from session.lossy import World

MUTANTS: dict[str, tuple[ModuleType, str, str]] = {
    "ack on send": (
        mailbox,
        "self.sent = max(self.sent, position + len(frames))",
        "self.sent = max(self.sent, position + len(frames)); self.acknowledge(self.sent)",
    ),
    "ack on answer": (
        mailbox,
        "return Answer(200, last, frames)\n\n    def abandon",
        "self.acknowledge(last); return Answer(200, last, frames)\n\n    def abandon",
    ),
    "running inbound count": (
        resume,
        "attachment.count += 1\n",
        "attachment.count = self.received + 1\n",
    ),
    "session-wide cursor": (
        mailbox,
        "Answer(200, last, frames)\n\n    def abandon",
        "Answer(200, self.sent, frames)\n\n    def abandon",
    ),
    "position from sent, not from acked": (
        resume,
        "attachment.position = self.acked",
        "attachment.position = self.mailbox.sent",
    ),
    "release before confirmation": (
        resume,
        "attachment.deadline = now + PROBE_TIMEOUT_S",
        "self.live = attachment; self.mailbox.release()",
    ),
    "old close ends the session": (
        resume,
        "if attachment is self.live:\n            self.mailbox.close",
        "if True:\n            self.mailbox.close",
    ),
    "old end detaches the new one": (
        resume,
        "        if attachment.state is ENDED:\n            return\n"
        "        if attachment is self.live:",
        "        if attachment.state is not CANDIDATE and self.live:",
    ),
    "sent goes down to the position": (
        resume,
        "attachment.position = self.acked",
        "attachment.position = self.mailbox.sent = self.acked",
    ),
    "lines are counted from received": (
        resume,
        "known = min(self.received - first + 1, count)",
        "first, known = self.received + 1, 0",
    ),
    "poll never takes back": (
        resume,
        "        self._supersede(now)\n        self.mailbox.poll",
        "        self.mailbox.poll",
    ),
    "a live WebSocket turns polls away": (
        resume,
        "if turn < self.turn or poll.cursor < self.acked:",
        "if self.live or turn < self.turn or poll.cursor < self.acked:",
    ),
    "stale polls take the session": (
        resume,
        "if turn < self.turn or poll.cursor < self.acked:",
        "if poll.cursor < self.acked:",
    ),
    "stale candidates take the session": (
        resume,
        "        if turn < self.turn:\n",
        "        if False:\n",
    ),
    "freed above the position": (
        resume,
        "floor = self.acked if self.live is None else min(self.acked, self.live.position)",
        "floor = self.acked",
    ),
    "the older WebSocket stays": (
        resume,
        "        self._supersede(now)\n        self.live, attachment",
        "        self.live, attachment",
    ),
    "the parked poll stays": (resume, "        self.mailbox.release()\n", ""),
    "doubles on a WebSocket are handled": (
        resume,
        "        if attachment.count <= self.received:\n            return False\n",
        "",
    ),
    "the count starts at nothing": (
        resume,
        "attachment.count = attachment.told = self.received",
        "attachment.count = attachment.told = 0",
    ),
    "polls below the floor end the session": (
        mailbox,
        "status = 204 if end is None else 500",
        "status = 204 if end is None and poll.cursor >= self.acked else 500",
    ),
}


def mutant(name: str) -> Callable[[], World]:
    """
    Give what makes worlds whose server has one rule broken.
    """
    module, old, new = MUTANTS[name]
    source = inspect.getsource(module)
    assert source.count(old) == 1, f"{name}: the source has changed"
    return world_of(module, source.replace(old, new))


def break_rule(name: str) -> None:
    """
    Break a rule for the rest of this process, wherever its class is used.
    """
    module, old, new = MUTANTS[name]
    source = inspect.getsource(module)
    assert source.count(old) == 1, f"{name}: the source has changed"
    made = dict(vars(module))
    exec(compile(source.replace(old, new), module.__name__, "exec"), made)
    for shared in ("CANDIDATE", "LIVE", "ENDED"):
        if hasattr(module, shared):
            made[shared] = getattr(module, shared)
    class_name = "Mailbox" if module is mailbox else "Resume"
    for member, value in vars(made[class_name]).items():
        if inspect.isfunction(value) and not member.startswith("__"):
            setattr(getattr(module, class_name), member, value)


def world_of(module: ModuleType, source: str) -> Callable[[], World]:
    """
    Give what makes worlds whose server has another source for one module.
    """
    made: dict[str, Any] = {"__name__": module.__name__}
    exec(compile(source, module.__name__, "exec"), made)
    if module is mailbox:
        return lambda: World(mailbox_class=made["Mailbox"])
    for shared in ("CANDIDATE", "LIVE", "ENDED"):
        made[shared] = getattr(module, shared)
    return lambda: World(resume_class=made["Resume"])
