// The pure core: what has been said and heard, which transport carries it, and what is to be done next.
//
// The rules of this file:
//
// - No fetch, no WebSocket, no timer, no clock, no chance: `now` and `random` are handed in, a `deadline` goes out.
// - An event changes the state and appends effects; `take` empties their list. Nothing is sent from here.
// - A number names a frame for good. Frames carry none on a WebSocket: both sides count, each attachment from the
//   numbers of its own `resumed`, never from a running total.
// - *Turn*: raised when a probe is answered, and when the newest WebSocket that was answered on is given up.
// - *Keep while undecided*: between the `ack` on a candidate and its `resumed` nothing is freed, and nothing counted
//   is written on it.
// - *Hold only if answered*: told "websocket", the client stops polling only while it is undecided.
// - *Giving up is not goodbye*: a WebSocket that is given up is closed with 4000.
// - A hole in either direction drops the session: the page comes back and recovers from history.
//
// Server: `session/mailbox.py`, `session/session.py`.

import {
  ACK, BUFFER_FULL, FORBIDDEN, GIVEN_UP, GOODBYE, NOT_YOURS, PROBE, RESUMED, SESSION_GONE, UNREACHABLE,
} from "./events.js"
import { Attachment, NEVER } from "./attachment.js"
import type { Answer, Effect, TransportName } from "./effects.js"
import { ack, isOwnReply, OWN_HEARTBEAT, readControl, type Control, type Frame } from "./framing.js"
import { pause, type Limits } from "./limits.js"
import { Mailbox } from "./mailbox.js"

/** A poll that has lasted so long was waiting for messages. */
const WAITED_MS = 1_000

interface Request {
  id: number
  sentAt: number
}

export class Session {
  readonly mailbox: Mailbox
  /** Number of the last frame handed on to the page. */
  got = 0
  turn = 0
  /** The turn that polls carry: what was the turn when a WebSocket was last given up. */
  pollTurn = 0
  isEnded = false

  private _effects: Effect[] = []
  private _nextId = 1
  private _name: TransportName = "none"
  private _token: string | null = null
  private _startedAt: number | null = null
  private _contactAt = 0

  private _opening: Request | null = null
  private _openAt = 0
  private _openFrames: Frame[] | null = null
  private _poll: Request | null = null
  private _pollAt = 0
  private _post: Request | null = null
  private _postAt = 0
  private _failures = 0
  private _postFailures = 0
  private _postFailedAt = 0
  private _hasty = 0

  private _attachment: Attachment | null = null
  private _attachAt = 0
  private _attachFailures = 0
  private _hold = false

  /** `key` names the opening, whichever of its repetitions arrives; `attaches`: whether there are WebSockets at all. */
  constructor(
    private _limits: Limits,
    private _key: string,
    private _attaches: boolean,
    private _random: () => number,
  ) {
    this.mailbox = new Mailbox(_limits)
  }

  // --- out

  /** What is to be done, in order. Call it after every event. */
  take(): Effect[] {
    return this._effects.splice(0)
  }

  /** When `tick` is due. */
  deadline(): number {
    if (this.isEnded || this._startedAt === null) return NEVER
    const { postTimeoutMs, pollTimeoutMs } = this._limits
    const due = (request: Request | null, timeoutMs: number, at: number) => request ? request.sentAt + timeoutMs : at
    if (!this._token) return due(this._opening, postTimeoutMs, this._openAt)
    const [one, isLive] = [this._attachment, this._live !== null]
    return Math.min(
      due(this._poll, pollTimeoutMs, isLive || this._hold ? NEVER : this._pollAt),
      due(this._post, postTimeoutMs, isLive || !this._waiting ? NEVER : this._postAt),
      one ? one.deadline() : this._attaches ? this._attachAt : NEVER,
    )
  }

  // --- in: from the page

  /** Begin to open. */
  start(now: number): void {
    this._startedAt = this._contactAt = this._openAt = now
    this._next(now)
  }

  /** Take a frame of the page's. It goes out with the next event or `tick`, so that a batch can gather. */
  send(frame: Frame): void {
    if (this.isEnded) return
    if (!this.mailbox.add(frame)) this._drop(BUFFER_FULL, "too much waits to be sent")
  }

  /** End for good: say goodbye, and hand on nothing more. */
  close(): void {
    if (this.isEnded) return
    const live = this._live
    if (this._token) this._do({ do: "goodbye", token: this._token })
    if (live) this._do({ do: "hang up", id: live.id, code: GOODBYE })
    if (live) this._attachment = null
    this._quit()
  }

  /** Look again at once: the page is in front again or, with `elsewhere`, the network may be another. */
  wake(elsewhere: boolean, now: number): void {
    if (this._startedAt === null) return
    this._failures = this._postFailures = this._attachFailures = 0
    this._openAt = this._pollAt = this._postAt = this._attachAt = now
    if (elsewhere) {
      this._abort(this._opening)
      this._opening = null
    }
    if (this._attachment?.owesBeat(now, true)) this.send(OWN_HEARTBEAT)
    this.tick(now)
  }

  // --- in: from the clock

  /** Give up what has taken too long, repeat what is due, and send what has gathered. */
  tick(now: number): void {
    const { postTimeoutMs, pollTimeoutMs } = this._limits
    for (const [request, timeoutMs] of [
      [this._opening, postTimeoutMs], [this._poll, pollTimeoutMs], [this._post, postTimeoutMs],
    ] as const) {
      if (request && now >= request.sentAt + timeoutMs) {
        this._do({ do: "abort", id: request.id })
        this.answered(request.id, null, now)
      }
    }
    const one = this._attachment
    if (one?.isOverdue(now)) this._giveUp(one, now)
    else if (one?.owesBeat(now)) this.send(OWN_HEARTBEAT)
    this._next(now)
  }

  // --- in: from requests

  /** A request was answered, or failed (null): reset, timed out, or answered by something that is not our server. */
  answered(id: number, answer: Answer | null, now: number): void {
    if (this.isEnded) {
      if (this._opening?.id === id && answer?.token) this._effects.push({ do: "goodbye", token: answer.token })
      return
    }
    if (answer && [this._opening, this._poll, this._post].some(request => request?.id === id)) this._contactAt = now
    if (this._opening?.id === id) this._openAnswered(answer, now)
    else if (this._poll?.id === id) this._pollAnswered(answer, now)
    else if (this._post?.id === id) this._postAnswered(answer, now)
    this._next(now)
  }

  private _openAnswered(answer: Answer | null, now: number): void {
    this._opening = null
    if (answer?.status === 200 && answer.token) {
      this._token = answer.token
      this._failures = 0
      this._pollAt = this._postAt = this._attachAt = now
      this._do({ do: "opened" })
      this._show("longpoll")
      this._read(answer)
    } else if (answer) {
      this._refused(answer)
    } else if (now >= this._startedAt! + this._limits.openPatienceMs) {
      this._end(UNREACHABLE, "the server does not answer")
    } else {
      this._openAt = now + this._pause(++this._failures)
    }
  }

  private _pollAnswered(answer: Answer | null, now: number): void {
    const { sentAt } = this._poll!
    this._poll = null
    if (!answer || ![200, 204, 403, 410, 500].includes(answer.status)) {
      if (!this._live) this._show("none")
      if (sentAt >= this._contactAt + this._limits.patienceMs) return this._end(SESSION_GONE, "out of reach for too long")
      // At once where a proxy may have cut what waited: a hidden page's timers run late, and its session would end.
      const waited = now - sentAt
      this._pollAt = ++this._failures === 1 && waited >= WAITED_MS ? now : now + this._pause(this._failures)
    } else if (answer.status < 300) {
      this._failures = 0
      if (!this._live) this._show("longpoll")
      if (answer.token) this._token = answer.token
      this._hold = answer.transport === "websocket" && this._isUndecided()
      // One that is answered at once and with nothing (it was older than what the server knows) must not become a storm.
      this._hasty = answer.messages.length || now >= sentAt + this._limits.pauseMs ? 0 : this._hasty + 1
      this._pollAt = this._hasty > 1 ? now + this._pause(this._hasty - 1) : now
      this._read(answer)
    } else {
      this._refused(answer) // 410 is no answer of our server's here, and says the same everywhere
    }
  }

  private _postAnswered(answer: Answer | null, now: number): void {
    this._post = null
    if (answer && [403, 410].includes(answer.status)) return this._refused(answer)
    const before = this.mailbox.received
    if (answer) this._told(answer.received ?? 0)
    if (this.mailbox.received > before || answer?.status === 200) {
      this._postFailures = this._postFailedAt = 0
      return
    }
    this._postFailedAt ||= now
    if (now >= this._postFailedAt + this._limits.patienceMs) return this._drop(GIVEN_UP, "the server takes no messages")
    this._postAt = now + this._pause(++this._postFailures)
  }

  private _refused(answer: Answer): void {
    const reason = answer.reason ?? `status ${answer.status}`
    if (answer.status === 403) this._end(FORBIDDEN, reason)
    else this._end(this._token ? SESSION_GONE : UNREACHABLE, reason)
  }

  // --- in: from WebSockets

  /** A frame came on a WebSocket. */
  heard(id: number, frame: Frame, now: number): void {
    const one = this._attachment
    if (this.isEnded || one?.id !== id) return
    this._contactAt = now
    one.hear(now, typeof frame === "string" ? frame.length : frame.byteLength)
    const control = readControl(frame)
    if (control) this._control(one, control, now)
    else if (one.state !== "live") this._giveUp(one, now) // nothing counts before `resumed`
    else this._handOn(++one.count, frame)
    this._next(now)
  }

  /** A WebSocket has ended, or never came to be. */
  gone(id: number, code: number, now: number): void {
    const one = this._attachment
    if (this.isEnded || one?.id !== id) return
    this._lose(one, now) // whatever the code says of the session: the next poll's answer is the truth
    if (code === NOT_YOURS) this._attachAt = now + this._limits.maxAttachPauseMs
    this._next(now)
  }

  private _control(one: Attachment, { event, payload }: Control, now: number): void {
    if (event === PROBE) {
      if (one.state === "open") {
        one.turn = ++this.turn
        one.state = "answered"
      }
      this._do({ do: "write", id: one.id, frame: ack(this.got, one.turn) })
    } else if (event === ACK) {
      this._told(Number(payload.received) || 0)
    } else if (event === RESUMED && one.state === "answered") {
      this._confirmed(one, payload, now)
    }
  }

  private _confirmed(one: Attachment, payload: Control["payload"], now: number): void {
    const [seq, received] = [Number(payload.seq), Number(payload.received)]
    if (!(seq <= this.got)) return this._drop(GIVEN_UP, `a hole: resumed at ${seq} after ${this.got}`)
    if (!(received >= this.mailbox.freed)) return this._drop(GIVEN_UP, `the server has only ${received}`)
    if (typeof payload.token === "string") this._token = payload.token
    one.state = "live"
    one.since = now
    one.count = one.acked = seq
    one.written = received
    this._hold = false
    this._write(one, now) // all above `received`, also what it has got since: the server counts from there
    this._told(received)
    this._show("websocket")
  }

  /** Give a WebSocket up: it is not goodbye. */
  private _giveUp(one: Attachment, now: number): void {
    this._do({ do: "hang up", id: one.id, code: GIVEN_UP })
    this._lose(one, now)
  }

  private _lose(one: Attachment, now: number): void {
    this._attachment = null
    this._hold = false
    if (one.state !== "open" && one.turn === this.turn) this.pollTurn = ++this.turn
    if (one.state === "live") {
      if (now >= one.since + this._limits.settledMs) this._attachFailures = 0
      this._abort() // what was still under way from before the move
      this._failures = this._postFailures = 0
      this._pollAt = this._postAt = now
      this._show("longpoll")
    }
    const { attachPauseMs, maxAttachPauseMs } = this._limits
    this._attachAt = now + pause(attachPauseMs, maxAttachPauseMs, ++this._attachFailures, this._random)
    this._told(0) // decided now: what was kept may go
  }

  // --- within: what is heard

  private _read(answer: Answer): void {
    answer.messages.forEach((frame, index) => this._handOn(answer.seq! + index, frame))
    // Else it would be asked for ever: what another has acknowledged with this token is gone from the server.
    if (answer.seq! > this.got + 1) return this._drop(GIVEN_UP, `a hole: ${answer.seq} is next after ${this.got}`)
    this._told(answer.received ?? 0)
  }

  /** Hand a frame on, or drop it where it is known already. */
  private _handOn(number: number, frame: Frame): void {
    if (this.isEnded || number <= this.got) return
    if (number !== this.got + 1) return this._drop(GIVEN_UP, `a hole: ${number} after ${this.got}`)
    this.got = number
    if (!isOwnReply(frame)) this._do({ do: "deliver", frame })
  }

  /** The server has received so many of our frames. */
  private _told(received: number): void {
    if (received > this.mailbox.put) return this._drop(GIVEN_UP, `the server has ${received} of ${this.mailbox.put}`)
    if (received > this.mailbox.received) {
      this.mailbox.received = received
      this._postFailedAt = 0 // it takes messages, however they came
    }
    if (!this._isUndecided()) this.mailbox.free()
  }

  // --- within: what is next

  private get _live(): Attachment | null {
    return this._attachment?.state === "live" ? this._attachment : null
  }

  private _isUndecided(): boolean {
    return this._attachment?.state === "answered"
  }

  private get _waiting(): boolean {
    return this.mailbox.put > this.mailbox.received
  }

  /** Do all that is due: nothing here waits for anything else. */
  private _next(now: number): void {
    if (this.isEnded || this._startedAt === null) return
    if (!this._token) {
      if (!this._opening && now >= this._openAt) {
        this._opening = this._request(now)
        this._openFrames ??= this.mailbox.openingBatch() // a repetition brings the same
        this._do({ do: "open", id: this._opening.id, key: this._key, frames: this._openFrames })
      }
    } else if (this._live) {
      this._write(this._live, now)
    } else {
      this._ask(this._token, now)
    }
  }

  private _ask(token: string, now: number): void {
    const seq = this.mailbox.received + 1
    if (!this._post && this._waiting && now >= this._postAt) {
      this._post = this._request(now)
      this._do({ do: "post", id: this._post.id, token, seq, frames: this.mailbox.batch(seq) })
    }
    if (!this._poll && !this._hold && now >= this._pollAt) {
      this._poll = this._request(now)
      this._do({ do: "poll", id: this._poll.id, token, ack: this.got, turn: this.pollTurn })
    }
    if (!this._attachment && this._attaches && now >= this._attachAt) {
      this._attachment = new Attachment(this._nextId++, this._limits, now)
      this._do({ do: "dial", id: this._attachment.id, token })
    }
  }

  private _write(live: Attachment, now: number): void {
    while (live.written < this.mailbox.put) {
      this._do({ do: "write", id: live.id, frame: this.mailbox.at(++live.written) })
    }
    if (live.owesAck(this.got, now)) this._do({ do: "write", id: live.id, frame: ack(this.got) })
  }

  private _request(now: number): Request {
    return { id: this._nextId++, sentAt: now }
  }

  private _pause(failures: number): number {
    return pause(this._limits.pauseMs, this._limits.maxPauseMs, failures, this._random)
  }

  private _abort(opening: Request | null = null): void {
    for (const request of [opening, this._poll, this._post]) if (request) this._do({ do: "abort", id: request.id })
    this._poll = this._post = null
  }

  private _show(name: TransportName): void {
    if (name !== this._name) this._do({ do: "show", name: this._name = name })
  }

  private _do(effect: Effect): void {
    if (!this.isEnded) this._effects.push(effect)
  }

  // --- within: the end

  /** End a session that the server still has: it is told so, and need not keep it. */
  private _drop(code: number, reason: string): void {
    if (this._token) this._do({ do: "goodbye", token: this._token })
    this._end(code, reason)
  }

  private _end(code: number, reason: string): void {
    this._show("none")
    this._do({ do: "fail", code, reason })
    this._quit()
  }

  private _quit(): void {
    this._abort()
    const one = this._attachment // and what opens is waited for: the server has to be told to forget it
    if (one) this._do({ do: "hang up", id: one.id, code: GIVEN_UP })
    this.isEnded = true
  }
}
