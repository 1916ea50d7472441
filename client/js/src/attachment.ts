// One WebSocket of a session, as the session sees it: what has been counted on it, and what it owes. Pure.

import type { Limits } from "./limits.js"

export const NEVER = Infinity

export class Attachment {
  /** `open` until its probe is answered, `answered` (undecided) until `resumed` has come, then `live`. */
  state: "open" | "answered" | "live" = "open"
  /** The client's turn when it answered the probe. */
  turn = 0
  /** Number of the last frame read from it, and of the last written to it. */
  count = 0
  written = 0
  /** What was last acknowledged on it, and when the next is due. */
  acked = 0
  ackAt = NEVER
  /** Bytes, or characters of text, that came since. */
  private _unacked = 0
  private _heardAt: number
  /** When a heartbeat was sent that nothing has followed yet. */
  private _beatAt: number | null = null

  /** `since`: when it was dialled or, live, confirmed. */
  constructor(readonly id: number, private _limits: Limits, public since: number) {
    this._heardAt = since
  }

  /** Note that so many bytes came. */
  hear(now: number, size: number): void {
    this._unacked += size
    this._heardAt = now
    this._beatAt = null
  }

  /** Whether `got` is to be acknowledged now; asked after every frame, it also sees when it will be. */
  owesAck(got: number, now: number): boolean {
    if (got <= this.acked) return false
    if (this.ackAt === NEVER) this.ackAt = now + this._limits.ackMs
    const isMuch = got >= this.acked + this._limits.ackFrames || this._unacked >= this._limits.ackBytes
    if (now < this.ackAt && !isMuch) return false
    this.acked = got
    this._unacked = 0
    this.ackAt = NEVER
    return true
  }

  /** Whether a heartbeat is to be sent: none is under way, and it has been silent for long enough, or `anyway`. */
  owesBeat(now: number, anyway = false): boolean {
    if (this.state !== "live" || this._beatAt !== null) return false
    if (!anyway && now < this._heardAt + this._limits.heartbeatMs) return false
    this._beatAt = now
    return true
  }

  /** Whether it has had its time: to be confirmed, or to answer a heartbeat. */
  isOverdue(now: number): boolean {
    return now >= this._limit() && (this.state !== "live" || this._beatAt !== null)
  }

  deadline(): number {
    return Math.min(this.ackAt, this._limit())
  }

  private _limit(): number {
    const { attachTimeoutMs, heartbeatMs, heartbeatTimeoutMs } = this._limits
    if (this.state !== "live") return this.since + attachTimeoutMs
    return this._beatAt === null ? this._heardAt + heartbeatMs : this._beatAt + heartbeatTimeoutMs
  }
}
