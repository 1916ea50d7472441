// Every bound and every time of the client: name, default, unit, and what happens at it.

export interface Limits {
  /** Frames that wait until the server has them; over it the session is dropped (4008), and phoenix.js rejoins. */
  maxBufferedFrames: number
  /** Bytes of the same; an empty buffer takes any one frame. */
  maxBufferedBytes: number
  /** Frames in one POST; the rest goes in the next. The server takes 1,000. */
  maxBatchFrames: number
  /** Bytes in one POST, or one frame: what the server asks for. An opening POST with a larger frame goes empty. */
  maxBatchBytes: number
  /** Milliseconds without an answer until a POST, also the opening one, is repeated. */
  postTimeoutMs: number
  /** Milliseconds without an answer until a poll is repeated; phoenix.js sets it by its `longpollerTimeout`. */
  pollTimeoutMs: number
  /** Milliseconds until phoenix.js is told that opening fails; until then it is tried again in silence. */
  openPatienceMs: number
  /** Milliseconds without any answer after which the next failure ends the session: the server's `resume_window`. */
  patienceMs: number
  /** Milliseconds before a failed request is repeated: the first pause; each further one is twice as long. */
  pauseMs: number
  /** Milliseconds: the longest such pause. */
  maxPauseMs: number
  /** Milliseconds a WebSocket has from the first try to its confirmation, before it is given up. */
  attachTimeoutMs: number
  /** Milliseconds before the next WebSocket is tried: the first pause; each further one is twice as long. */
  attachPauseMs: number
  /** Milliseconds: the longest such pause. There is no last try. */
  maxAttachPauseMs: number
  /** Milliseconds that a WebSocket, or a session, has to live before it counts as one that works, and pauses start anew. */
  settledMs: number
  /** Milliseconds of silence on a WebSocket before the client sends a heartbeat. */
  heartbeatMs: number
  /** Milliseconds a heartbeat may go unanswered before the WebSocket is given up. */
  heartbeatTimeoutMs: number
  /** Milliseconds within which what came on a WebSocket is acknowledged. */
  ackMs: number
  /** Frames after which it is acknowledged at once. */
  ackFrames: number
  /** Bytes after which it is, too: the server keeps what is not acknowledged, 8 MB at most. */
  ackBytes: number
}

export const LIMITS: Limits = {
  maxBufferedFrames: 1_000,
  maxBufferedBytes: 8_000_000,
  maxBatchFrames: 100,
  maxBatchBytes: 65_536,
  postTimeoutMs: 10_000,
  pollTimeoutMs: 20_000,
  openPatienceMs: 5_000,
  patienceMs: 60_000,
  pauseMs: 200,
  maxPauseMs: 5_000,
  attachTimeoutMs: 10_000,
  attachPauseMs: 2_000,
  maxAttachPauseMs: 300_000,
  settledMs: 10_000,
  heartbeatMs: 15_000,
  heartbeatTimeoutMs: 5_000,
  ackMs: 5_000,
  ackFrames: 32,
  ackBytes: 262_144,
}

/** The pause after so many failures in a row (one or more): it doubles, and is half chance, so that a crowd spreads. */
export function pause(firstMs: number, maxMs: number, failures: number, random: () => number): number {
  return Math.min(firstMs * 2 ** (failures - 1), maxMs) * (0.5 + random() / 2)
}
