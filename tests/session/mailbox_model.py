"""
What a mailbox is to do, in the plainest terms: a list of numbers and a few rules.

It shares no code with the mailbox. Each verb here stands for one there, and
says what is to be seen afterwards.
"""

from __future__ import annotations

from attrs import define, field

from notifier.protocol.reasons import (
    ACK_BEYOND_SENT,
    DISCONNECTED,
    RESTARTING,
    SLOW_CONSUMER,
    Reason,
)

WINDOW_S = 4.0
MAX_MESSAGES = 8
MAX_BYTES = 600
MAX_ANSWER_BYTES = 400
ENVELOPE_BYTES = 512
TAKEOVERS = 5
MAX_OLDER = 16


@define(eq=False)
class Flight:
    """
    One GET as it stands at the server. `calls` counts how often it was woken.
    """

    cursor: int
    began: float
    state: str = "PARKED"
    calls: int = 0

    def wake(self) -> None:
        if self.state == "PARKED":
            self.state = "READY"
            self.calls += 1


@define(eq=False)
class Model:
    """
    The mailbox as a client of it would explain it. `kept` holds (number, bytes).
    """

    kept: list[tuple[int, int]] = field(factory=list)
    put_count: int = 0
    acked: int = 0
    sent: int = 0
    end: Reason | None = None
    line: Flight | None = None
    older: list[Flight] = field(factory=list)
    flying: list[Flight] = field(factory=list)
    posts: int = 0
    takeovers: list[float] = field(factory=list)
    quiet_since: float = 0.0
    has_dropped: bool = False

    # --- what is done to it

    def put(self, size: int) -> None:
        if self.end is not None:
            return
        bytes_kept = sum(size for _, size in self.kept)
        if self.kept and (len(self.kept) == MAX_MESSAGES or bytes_kept + size > MAX_BYTES):
            self.close(SLOW_CONSUMER)
            return
        self.put_count += 1
        self.kept.append((self.put_count, size))
        if self.line is not None:
            self.line.wake()

    def close(self, reason: Reason) -> None:
        if reason not in (DISCONNECTED, RESTARTING):
            self.has_dropped |= bool(self.kept)
            self.kept.clear()
        if self.end is None:
            self.end = reason
            for flight in self.flying:
                flight.wake()

    def poll(self, flight: Flight) -> None:
        if not self.is_through and flight.cursor > self.sent:
            self.close(ACK_BEYOND_SENT)
        self.flying.append(flight)
        if self.is_through or flight.cursor < self.acked:
            flight.state = "READY"
            return
        self.acked = flight.cursor
        self.kept = [(number, size) for number, size in self.kept if number > self.acked]
        if self.line is not None:
            self.take_over(self.line, flight.began)
        self.line = flight
        if self.kept or self.end is not None:
            flight.state = "READY"

    def take_over(self, older: Flight, now: float) -> None:
        self.takeovers.append(now)
        recent = [at for at in self.takeovers if at > now - 1.0]
        if len(recent) <= TAKEOVERS:
            older.wake()
        elif older.state == "PARKED":
            self.older.append(older)
            if len(self.older) > MAX_OLDER:
                self.older.pop(0).wake()

    def answer(self, flight: Flight, now: float) -> tuple[int, int, list[int]]:
        """
        Answer what is ready: status, cursor, numbers.
        """
        numbers = list[int]()
        if flight is self.line:
            numbers = self.page()
        self.gone(flight, now)
        if self.is_through:
            return 500, max(flight.cursor, self.acked), []
        if not numbers:
            return 204, max(flight.cursor, self.acked), []
        self.sent = max(self.sent, numbers[-1])
        return 200, numbers[-1], numbers

    def page(self) -> list[int]:
        room, numbers = MAX_ANSWER_BYTES, list[int]()
        for number, size in self.kept:
            room -= size + len('"",')
            if numbers and room < 0:
                break
            numbers.append(number)
        return numbers

    def gone(self, flight: Flight, now: float) -> None:
        """
        Forget a poll that was answered or whose connection is gone.
        """
        flight.state = "DONE"
        self.flying.remove(flight)
        if flight is self.line:
            self.line = None
        if flight in self.older:
            self.older.remove(flight)
        self.quiet_since = now

    def pass_time(self, now: float) -> bool:
        """
        Wake whose window is over; True if the session is to expire.
        """
        for flight in self.flying:
            if flight.began + WINDOW_S <= now:
                flight.wake()
        return not self.is_busy and now >= self.quiet_since + 1.5 * WINDOW_S

    # --- what is seen of it

    @property
    def is_through(self) -> bool:
        return self.end is not None and not self.kept

    @property
    def is_busy(self) -> bool:
        return bool(self.flying or self.posts)

    @property
    def deadline(self) -> float:
        parked = [one.began + WINDOW_S for one in self.flying if one.state == "PARKED"]
        if not self.is_busy:
            parked.append(self.quiet_since + 1.5 * WINDOW_S)
        return min(parked, default=float("inf"))
