"""
The counts of a session that survives: each rule by itself.
"""

from __future__ import annotations

from attrs import define, field

from notifier.protocol import Frame
from notifier.protocol.reasons import (
    ACK_BEYOND_SENT,
    CLIENT_CLOSED,
    DISCONNECTED,
    PROBE_UNANSWERED,
    SUPERSEDED,
    Reason,
)
from notifier.session import Attachment, AttachmentState, Limits, Mailbox, Resume
from notifier.session.resume import (
    ACK_BYTES,
    ACK_EVERY,
    ACK_WITHIN_S,
    MAX_CANDIDATES,
    PROBE_TIMEOUT_S,
)
from session.letters import Asking, letter, numbers

LIMITS = Limits(window_ms=10_000, resume_window_ms=60_000)


@define(eq=False)
class Side:
    """
    The server's side of one session, at time 0 unless told otherwise.
    """

    mailbox: Mailbox = field(factory=lambda: Mailbox(LIMITS))
    resume: Resume = field(init=False)
    woken: list[Attachment] = field(init=False, factory=list)

    def __attrs_post_init__(self) -> None:
        self.resume = Resume(self.mailbox)
        self.mailbox.begin_request()
        self.mailbox.end_request(0.0)

    def put(self, count: int = 1) -> None:
        for _ in range(count):
            self.mailbox.put(letter(self.mailbox.last + 1))

    def candidate(self, now: float = 0.0) -> Attachment:
        attachment = Attachment(lambda: self.woken.append(attachment))
        self.resume.attach(attachment, now)
        return attachment

    def live(self, seq: int = 0, turn: int = 1, now: float = 0.0) -> Attachment:
        attachment = self.candidate(now)
        self.resume.confirm(attachment, seq, turn, now)
        return attachment

    def poll(self, ack: int = 0, turn: int = 0, now: float = 0.0) -> Asking:
        asking = Asking(self.mailbox, ack)
        self.resume.poll(asking.poll, turn, now)
        return asking

    def take(self, attachment: Attachment, max_bytes: int = 999) -> list[int]:
        return numbers(self.resume.take(attachment, max_bytes))


def state(attachment: Attachment) -> tuple[str, Reason | None]:
    return attachment.state.name, attachment.end


# --- what comes in


def test_lines_are_counted_once_however_often_they_come() -> None:
    """
    The second time all are left out, and of an overlap what was there before.
    """
    resume = Side().resume
    assert [resume.accept_lines(1, 3), resume.accept_lines(1, 3)] == [0, 3]
    assert (resume.accept_lines(3, 2), resume.received) == (1, 4)
    assert (resume.accept_lines(1, 2), resume.received) == (2, 4)
    assert (resume.accept_lines(5, 0), resume.received) == (0, 4)


def test_gap_is_refused_and_counts_nothing() -> None:
    """
    Lines whose forerunners are missing must come again after those.
    """
    resume = Side().resume
    assert (resume.accept_lines(2, 1), resume.received) == (None, 0)


def test_frames_are_counted_by_their_own_attachment() -> None:
    """
    From its own `count` on, whatever came meanwhile by other ways.
    """
    side = Side()
    side.resume.accept_lines(1, 2)
    live = side.live()
    side.resume.accept_lines(3, 2)  # a POST that was under way
    assert [side.resume.accept(live) for _ in range(3)] == [False, False, True]
    assert side.resume.received == 5


def test_frames_of_what_is_not_live_are_dropped() -> None:
    """
    Neither a candidate nor an older WebSocket has a say.
    """
    side = Side()
    old = side.live(turn=1)
    side.live(turn=2)
    assert not side.resume.accept(old)
    assert not side.resume.accept(side.candidate())
    assert side.resume.received == 0


def test_client_is_told_what_was_received_after_so_many_frames() -> None:
    """
    At once after the 32nd, and then the count begins anew.
    """
    side = Side()
    live = side.live()
    told = []
    for number in range(1, 2 * ACK_EVERY + 1):
        side.resume.accept(live)
        if side.resume.take_ack(live, 0.0):
            told.append(number)
    assert told == [ACK_EVERY, 2 * ACK_EVERY]


def test_client_is_told_what_was_received_after_so_many_bytes() -> None:
    """
    Its buffer is bounded by its bytes, too: a few large messages are told of at once.
    """
    side = Side()
    live = side.live()
    told = []
    for size in (ACK_BYTES - 1, 1, 1, ACK_BYTES):
        side.resume.accept(live, size)
        told.append(side.resume.take_ack(live, 0.0))
    assert told == [False, True, False, True]


def test_client_is_told_what_was_received_after_a_while() -> None:
    """
    Five seconds from the first frame that it was not told of.
    """
    side = Side()
    live = side.live()
    assert not side.resume.take_ack(live, 0.0)
    side.resume.accept(live)
    assert not side.resume.take_ack(live, 1.0)
    side.resume.accept(live)
    assert not side.resume.take_ack(live, 3.0)
    assert live.deadline == 1.0 + ACK_WITHIN_S
    assert side.resume.take_ack(live, live.deadline)
    assert (live.told, live.deadline) == (2, float("inf"))


# --- acknowledgements


def test_ack_below_the_floor_is_no_error() -> None:
    """
    Acks overtake each other.
    """
    side = Side()
    live = side.live()
    side.put(3)
    side.take(live)
    side.resume.acknowledge(2)
    side.resume.acknowledge(1)
    assert (side.resume.acked, side.mailbox.acked, side.mailbox.end) == (2, 2, None)


def test_ack_beyond_what_was_sent_ends_the_session() -> None:
    """
    That client has another history than ours.
    """
    side = Side()
    side.put(3)
    side.resume.acknowledge(1)
    assert side.mailbox.end is ACK_BEYOND_SENT


def test_nothing_is_freed_above_what_was_written() -> None:
    """
    The client counts the frames of this WebSocket: none may be left out.
    """
    side = Side()
    side.put(3)
    side.poll().answer(0.0)  # 1 to 3 are sent, their answer is late
    live = side.live()
    side.resume.acknowledge(3)
    assert (side.resume.acked, side.mailbox.acked) == (3, 0)
    assert side.take(live, max_bytes=2) == [1, 2]
    side.mailbox.when_freed(lambda: freed.append(side.take(live)))  # as the door does when woken
    freed: list[list[int]] = []
    assert side.take(live) == []
    assert (freed, side.mailbox.acked) == ([[3]], 2)
    side.resume.detach(live, 0.0)
    assert side.mailbox.acked == 3


def test_what_is_written_stays_until_it_is_acknowledged() -> None:
    """
    A WebSocket takes all it is given, and may be gone.
    """
    side = Side()
    live = side.live()
    side.put(2)
    assert side.take(live) == [1, 2]
    assert side.take(live) == []
    side.resume.detach(live, 0.0)
    assert numbers(side.poll(turn=2).answer(0.0).frames) == [1, 2]


# --- polls


def test_stale_poll_touches_nothing() -> None:
    """
    One that was sent before a newer decision gets 204 at once.
    """
    side = Side()
    live = side.live(turn=1)
    side.put()
    stale = side.poll(turn=0)
    assert (stale.state, stale.answer(0.0).status) == ("READY", 204)
    assert side.resume.live is live
    assert side.take(live) == [1]


def test_poll_below_the_floor_touches_nothing() -> None:
    """
    It was repeated, or comes late; the newer one keeps the line.
    """
    side = Side()
    side.put()
    side.poll().answer(0.0)
    newer = side.poll(ack=1)
    assert side.poll(ack=0).answer(0.0).cursor == 1
    assert newer.state == "PARKED"


def test_poll_takes_the_session_back() -> None:
    """
    A client that polls has given its WebSocket up; that one ends, and the rest comes by poll.
    """
    side = Side()
    live = side.live(turn=1)
    asking = side.poll(turn=2)
    assert (state(live), side.woken) == (("ENDED", SUPERSEDED), [live])
    side.put()
    assert numbers(asking.answer(0.0).frames) == [1]


def test_poll_that_acknowledges_too_much_ends_the_session() -> None:
    """
    And is told so.
    """
    side = Side()
    assert side.poll(ack=1).answer(0.0).reason is ACK_BEYOND_SENT


# --- attachments


def test_candidate_disturbs_nobody() -> None:
    """
    Until it has answered, the poll waits and nothing is written elsewhere.
    """
    side = Side()
    asking = side.poll()
    candidate = side.candidate()
    side.put()
    assert (asking.state, candidate.state) == ("READY", AttachmentState.CANDIDATE)
    assert side.take(candidate) == []
    assert numbers(asking.answer(0.0).frames) == [1]


def test_confirmed_candidate_carries_the_session() -> None:
    """
    The parked poll is let go, and delivery begins after what the client has.
    """
    side = Side()
    side.put(2)
    side.poll().answer(0.0)
    side.resume.accept_lines(1, 4)
    asking = side.poll(ack=1)
    asking.answer(0.0)
    parked = side.poll(ack=2)
    live = side.live(seq=2)
    assert (parked.state, parked.answer(0.0).status) == ("READY", 204)
    assert (live.state.name, live.position, live.count) == ("LIVE", 2, 4)
    side.put()
    assert side.woken == [live]
    assert side.take(live) == [3]


def test_candidate_is_confirmed_from_the_floor() -> None:
    """
    An older word of the client's than what it has acknowledged is not taken.
    """
    side = Side()
    side.put(2)
    side.poll().answer(0.0)
    side.resume.acknowledge(2)
    assert side.live(seq=1).position == 2


def test_older_websocket_ends_when_a_newer_is_confirmed() -> None:
    """
    The newest carries on where the client stands.
    """
    side = Side()
    old = side.live(turn=1)
    side.put(3)
    side.take(old)
    new = side.live(seq=1, turn=2)
    assert (state(old), side.resume.live) == (("ENDED", SUPERSEDED), new)
    assert (side.take(old), side.take(new)) == ([], [2, 3])


def test_stale_candidate_is_closed() -> None:
    """
    Its client has decided for another meanwhile.
    """
    side = Side()
    newer = side.live(turn=2)
    stale = side.live(turn=1)
    assert (state(stale), side.resume.live) == (("ENDED", SUPERSEDED), newer)


def test_candidate_that_acknowledges_too_much_ends_with_the_session() -> None:
    """
    Both for the same reason.
    """
    side = Side()
    assert state(side.live(seq=1)) == ("ENDED", ACK_BEYOND_SENT)


def test_candidate_is_closed_when_it_does_not_answer() -> None:
    """
    In its time.
    """
    side = Side()
    candidate = side.candidate(now=1.0)
    side.resume.expire(candidate, 1.0 + PROBE_TIMEOUT_S / 2)
    assert candidate.state is AttachmentState.CANDIDATE
    side.resume.expire(candidate, candidate.deadline)
    assert state(candidate) == ("ENDED", PROBE_UNANSWERED)


def test_oldest_candidate_is_closed_when_there_are_too_many() -> None:
    """
    Each is a connection.
    """
    side = Side()
    candidates = [side.candidate() for _ in range(MAX_CANDIDATES + 1)]
    assert [one.end for one in candidates] == [SUPERSEDED, *[None] * MAX_CANDIDATES]


def test_goodbye_ends_the_session_on_what_carries_it() -> None:
    """
    Elsewhere it ends nothing, and the second time it is none.
    """
    side = Side()
    old, candidate = side.live(turn=1), side.candidate()
    live = side.live(turn=2)
    side.resume.leave(old, 0.0)
    side.resume.leave(candidate, 0.0)
    assert side.mailbox.end is None
    side.resume.leave(live, 0.0)
    assert side.mailbox.end is CLIENT_CLOSED


def test_end_of_an_older_websocket_detaches_nothing() -> None:
    """
    It may be seen long after.
    """
    side = Side()
    old = side.live(turn=1)
    live = side.live(turn=2)
    side.resume.detach(old, 0.0)
    assert side.resume.live is live


def test_session_lives_a_window_of_its_own_when_it_is_detached() -> None:
    """
    While a WebSocket carries it, it does not run out.
    """
    side = Side()
    live = side.live(now=5.0)
    assert (side.mailbox.deadline(), side.mailbox.quiet_since) == (float("inf"), float("inf"))
    side.resume.detach(live, 100.0)
    assert (side.mailbox.deadline(), side.mailbox.quiet_since) == (160.0, 100.0)
    assert not side.mailbox.expire(159.0)
    assert side.mailbox.expire(160.0)


def test_candidates_are_closed_when_the_session_ends() -> None:
    """
    What is live is told by the mailbox, once the rest is written.
    """
    side = Side()
    live, candidate = side.live(), side.candidate()
    side.put()
    side.mailbox.close(DISCONNECTED)
    side.resume.session_ended(DISCONNECTED, 0.0)
    assert state(candidate) == ("ENDED", DISCONNECTED)
    assert (state(live), side.take(live)) == (("LIVE", None), [1])
    late = side.live(turn=2)
    assert late.end is DISCONNECTED


def test_binary_is_as_large_as_its_line() -> None:
    """
    A resumable client gets base64, which is what has to fit.
    """
    side = Side(Mailbox(Limits(max_answer_bytes=512 + 30)))
    for _ in range(2):
        side.mailbox.put(Frame(b"x" * 9, b"t" * 99, binary=True))  # a line of 12 + 2, and a comma
    assert len(side.poll().answer(0.0).frames) == 2


def test_repr_counts_and_does_not_tell() -> None:
    """
    It may come into a log.
    """
    side = Side()
    assert repr(side.resume) == "<Resume detached received=0 acked=0 turn=0>"
    side.live(turn=3)
    assert repr(side.resume) == "<Resume live received=0 acked=0 turn=3>"
