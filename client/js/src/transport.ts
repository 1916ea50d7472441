// The transport that phoenix.js is given: to it, one WebSocket that stays open. This is the shell around `Session`:
// it has the timer, runs the effects, and hands events in.

import { UNREACHABLE } from "./events.js"
import { randomKey, LongPoll, type Fetch } from "./longpoll.js"
import { LIMITS, pause, type Limits } from "./limits.js"
import { Session } from "./session.js"
import { Connection, type WebSocketClass } from "./websocket.js"
import type { Effect, TransportName } from "./effects.js"
import type { Frame } from "./framing.js"

export type Token = string | (() => string | Promise<string>)

export interface TransportOptions {
  /** The user token, or what gives it: asked anew whenever a session is opened. */
  token?: Token
  /** Told whenever another transport carries the session: "longpoll", "websocket", or "none" while nothing does. */
  onTransport?: (name: TransportName) => void
  /** Bounds and times that are to differ from `LIMITS`. */
  limits?: Partial<Limits>
  /** Instead of the global ones. A `WebSocket` of null: long-polling only. */
  fetch?: Fetch
  WebSocket?: WebSocketClass | null
}

/** A transport class for phoenix.js: `new Socket(url, { transport })`. Make one for each Socket. */
export interface TransportClass {
  new (url: string, protocols?: string[]): Transport
}

/** What phoenix.js uses of it. */
export interface Transport {
  readonly readyState: number
  readonly bufferedAmount: number
  readonly skipHeartbeat: boolean
  binaryType: string
  timeout: number | undefined
  onopen: (event: object) => void
  onerror: (error: unknown) => void
  onmessage: (event: { data: Frame }) => void
  onclose: (event: { code: number; reason: string; wasClean: boolean }) => void
  send(frame: Frame): void
  close(code?: number, reason?: string): void
}

const [CONNECTING, OPEN, CLOSED] = [0, 1, 3]
const BEARER = "base64url.bearer.phx."
const noop = () => {}
const now = () => performance.now()

// The transports that look again when the page or the network comes back.
const awake = new Set<{ _wake(elsewhere: boolean): void }>()
if (typeof document !== "undefined") {
  const wakeAll = (elsewhere: boolean) => awake.forEach(one => one._wake(elsewhere))
  addEventListener("online", () => wakeAll(true))
  addEventListener("offline", () => wakeAll(true))
  document.addEventListener("visibilitychange", () => document.hidden || wakeAll(false))
}

/** Make the transport class of one Socket. */
export function transport(options: TransportOptions = {}): TransportClass {
  const fetch: Fetch = options.fetch ?? ((...args) => globalThis.fetch(...args))
  const socketClass = options.WebSocket === undefined ? globalThis.WebSocket : options.WebSocket
  // How often in a row a session has not come to be, or not lived. While it is 0, phoenix.js is told "open" before
  // anything is sent, so that its joins go with the request that opens; else only once it is true, and after a pause,
  // since phoenix.js itself comes back at once.
  let failures = 0

  return class NotifierTransport implements Transport {
    readyState = CONNECTING
    bufferedAmount = 0
    skipHeartbeat = true
    binaryType = "arraybuffer"
    timeout: number | undefined
    onopen: Transport["onopen"] = noop
    onerror: Transport["onerror"] = noop
    onmessage: Transport["onmessage"] = noop
    onclose: Transport["onclose"] = noop

    private _session: Session | null = null
    private _longpoll: LongPoll
    private _connections = new Map<number, Connection>()
    private _websocketUrl: string
    private _userToken: string | null = null
    private _timer: ReturnType<typeof setTimeout> | undefined
    private _tasks: (() => void)[] = []
    private _channel = new MessageChannel()
    private _isFlushing = false
    private _limits = LIMITS
    private _establishedAt = Infinity

    constructor(url: string, protocols?: string[]) {
      const longpoll = new URL(url.replace(/^ws/, "http"))
      const websocket = new URL(longpoll.href.replace(/^http/, "ws"))
      longpoll.pathname = longpoll.pathname.replace(/\/websocket$/, "/longpoll")
      this._websocketUrl = websocket.href
      this._longpoll = new LongPoll(longpoll, fetch)
      if (protocols?.[1]?.startsWith(BEARER)) this._userToken = atob(protocols[1].slice(BEARER.length))
      this._channel.port1.onmessage = () => this._tasks.shift()?.()
      this._task(() => this._start()) // phoenix.js has yet to set what is to be called
    }

    send(frame: Frame): void {
      if (this.readyState !== OPEN) return
      const session = this._session!
      session.send(frame)
      if (session.isEnded) return this._run() // it found no room
      if (this._isFlushing) return
      this._isFlushing = true
      this._task(() => { // all that is sent within one task goes out together
        this._isFlushing = false
        session.tick(now())
        this._run()
      })
    }

    close(code = 1005, reason = ""): void {
      if (this.readyState === CLOSED) return
      this._session?.close()
      this._run()
      this._closed(code, reason, true)
      options.onTransport?.("none")
    }

    // --- opening

    private _start(): void {
      const limits = this._limits = { ...LIMITS, pollTimeoutMs: this.timeout || LIMITS.pollTimeoutMs, ...options.limits }
      this._session = new Session(limits, randomKey(), Boolean(socketClass), Math.random)
      if (!failures) {
        this._opened()
        this._task(() => this._open())
      } else {
        this._timer = setTimeout(() => this._open(), pause(limits.pauseMs, limits.maxPauseMs, failures, Math.random))
      }
    }

    private async _open(): Promise<void> {
      const { token } = options
      try {
        if (token != null) {
          const late = new Promise<never>((_, reject) => {
            this._timer = setTimeout(reject, this._limits.postTimeoutMs, new Error("no token in time"))
          })
          this._userToken = await Promise.race([typeof token === "function" ? token() : token, late])
        }
      } catch (error) {
        return this._failed(UNREACHABLE, "no token", error)
      }
      if (this.readyState === CLOSED) return
      awake.add(this)
      this._session!.start(now())
      this._run()
    }

    private _opened(): void {
      if (this.readyState !== CONNECTING) return
      this.readyState = OPEN
      this.onopen({})
    }

    // --- running

    /** @internal Look again: see `Session.wake`. */
    _wake(elsewhere: boolean): void {
      this._session!.wake(elsewhere, now())
      this._run()
    }

    private _run(): void {
      const session = this._session
      if (!session) return
      for (const effect of session.take()) this._do(effect, session)
      clearTimeout(this._timer)
      const deadline = session.deadline()
      if (deadline < Infinity) {
        this._timer = setTimeout(() => {
          session.tick(now())
          this._run()
        }, Math.max(0, Math.ceil(deadline - now())))
      }
    }

    private _do(effect: Effect, session: Session): void {
      const answers = (id: number, answer: ReturnType<LongPoll["poll"]>) => answer.then(answer => {
        session.answered(id, answer, now())
        this._run()
      })
      switch (effect.do) {
        case "open": {
          const { id, key, frames } = effect
          return void answers(id, this._longpoll.open(id, key, this._userToken, frames))
        }
        case "poll": {
          const { id, token, ack, turn } = effect
          return void answers(id, this._longpoll.poll(id, token, ack, turn))
        }
        case "post": {
          const { id, token, seq, frames } = effect
          return void answers(id, this._longpoll.post(id, token, seq, frames))
        }
        case "abort": return this._longpoll.abort(effect.id)
        case "dial": return this._dial(effect.id, effect.token, session)
        case "write": return this._connections.get(effect.id)?.write(effect.frame)
        case "hang up":
          this._connections.get(effect.id)?.hangUp(effect.code)
          return void this._connections.delete(effect.id)
        case "goodbye": return this._longpoll.goodbye(effect.token)
        case "opened":
          this._establishedAt = now()
          return this._task(() => this._opened())
        case "deliver": return this._task(() => this.onmessage({ data: effect.frame }))
        case "show": return this._task(() => options.onTransport?.(effect.name))
        case "fail": return this._task(() => this._failed(effect.code, effect.reason))
      }
    }

    private _dial(id: number, token: string, session: Session): void {
      this._connections.set(id, new Connection(
        socketClass!, this._websocketUrl, token, this._userToken,
        frame => {
          session.heard(id, frame, now())
          this._run()
        },
        code => {
          this._connections.delete(id)
          session.gone(id, code, now())
          this._run()
        },
      ))
    }

    /** Tell phoenix.js that this is over; it will make another. */
    private _failed(code: number, reason: string, error: unknown = reason): void {
      if (this.readyState === CLOSED) return
      this.readyState = CLOSED
      if (this._establishedAt === Infinity) this.onerror(error)
      this._closed(code, reason, false)
    }

    private _closed(code: number, reason: string, wasClean: boolean): void {
      this.readyState = CLOSED
      if (now() >= this._establishedAt + this._limits.settledMs) failures = 0
      else if (!wasClean) failures++
      this._tasks = []
      this._channel.port1.close()
      clearTimeout(this._timer)
      awake.delete(this)
      this.onclose({ code, reason, wasClean })
    }

    /** Run in a task of its own, in order: as the frames of a WebSocket come, and one that throws stops no other. */
    private _task(run: () => void): void {
      this._tasks.push(run)
      this._channel.port2.postMessage(0)
    }
  }
}
