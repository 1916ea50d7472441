// One tab as a member of a user's tabs: storage, the channel between them, the lock, and the connection while it leads.

import { Socket } from "../socket.js"
import { Connection } from "./connection.js"
import { Inbox } from "./inbox.js"
import { canShare, Lock } from "./lock.js"
import { forget, load, save } from "./storage.js"
import { Tabs, type Status } from "./tabs.js"
import { nameOf } from "./whose.js"

/** Milliseconds until a tab that nobody looks at stands in line anew, after its connection was lost. */
const REST_MS = 3_000

/** What a tab says whose user signs out; all else that tabs say are states. */
const FORGET = "forget"

export interface MemberOptions {
  src: string
  token: () => string | Promise<string>
  rooms: string[]
  /** The first token: who it is. */
  first: string
  /** Something is otherwise. */
  changed(): void
  /** Notices came that this page did not know. */
  news(ids: string[]): void
  refused(reason: string): void
  /** The token is another user's now: begin anew. */
  another(): void
  /** The user signed out in another tab, and nothing is left here either. */
  forgotten(): void
}

export class Member {
  readonly inbox = new Inbox()
  private _tabs = new Tabs(this.inbox)
  private _name: string
  private _channel: BroadcastChannel | null = null
  private _lock: Lock | null = null
  private _connection: Connection | null = null
  private _timer: ReturnType<typeof setTimeout> | undefined
  private _rest: ReturnType<typeof setTimeout> | undefined

  constructor(private _options: MemberOptions) {
    this._name = nameOf(_options.src, _options.first)
    load(this._name, this.inbox)
  }

  get status(): Status {
    return this._tabs.status
  }

  start(): void {
    if (typeof BroadcastChannel !== "undefined") {
      this._channel = new BroadcastChannel(this._name)
      this._channel.onmessage = event => {
        if (event.data === FORGET) return this._forgotten()
        this._tabs.heard(event.data, performance.now())
        this._run()
      }
    }
    if (canShare()) {
      this._lock = new Lock(this._name, () => this._lead(), () => this._follow())
      this._tabs.ask(performance.now())
      this._lock.request()
    } else {
      this._lead()
    }
    this._run()
  }

  /** The user looks at this tab again. */
  look(): void {
    this._tabs.ask(performance.now())
    this._run()
  }

  read(ids: string[]): void {
    this.inbox.read(ids)
    this._acted()
  }

  ranOut(ids: string[]): void {
    this.inbox.ranOut(ids)
    this._acted()
  }

  /** Leave the others, and hang up. Idempotent. */
  stop(): void {
    clearTimeout(this._timer)
    clearTimeout(this._rest)
    this._connection?.close()
    this._connection = null
    this._channel?.close()
    this._channel = null
    this._lock?.release()
    this._lock = null
  }

  /** Leave nothing of this user's notices in the browser, in whatever tab: any of them would store them again. */
  forget(): void {
    this._channel?.postMessage(FORGET)
    this._forgotten()
  }

  private _forgotten(): void {
    this.stop()
    forget(this._name)
    this._options.forgotten()
  }

  private _lead(): void {
    const { src, rooms, refused } = this._options
    this._tabs.lead()
    this._save()
    this._run()
    const socket = new Socket(src, { token: () => this._token(), onTransport: name => connection.carried(name) })
    const connection = this._connection = new Connection(socket, this.inbox, {
      changed: ids => {
        this._news(ids)
        this._acted()
      },
      status: status => this._connected(status),
      refused: reason => {
        this._tabs.status = "refused"
        this.stop()
        refused(reason)
      },
    })
    connection.open(rooms)
  }

  private async _token(): Promise<string> {
    const token = await this._options.token()
    if (nameOf(this._options.src, token) !== this._name) this._options.another()
    return token
  }

  private _follow(): void {
    this._connection?.close()
    this._connection = null
    this._tabs.follow(performance.now())
    this._lock?.request()
    this._run()
  }

  private _connected(status: Status): void {
    this._tabs.connected(status)
    this._run()
    // phoenix.js does not come back in a page that nobody looks at, and others may be looked at.
    clearTimeout(this._rest)
    if (status === "offline" && document.hidden && this._lock) this._rest = setTimeout(() => this._follow(), REST_MS)
  }

  private _save(): void {
    this._news(save(this._name, this.inbox))
  }

  private _news(ids: string[]): void {
    if (ids.length) this._options.news(ids)
  }

  private _acted(): void {
    this._save()
    this._tabs.acted(performance.now())
    this._run()
  }

  private _run(): void {
    for (const effect of this._tabs.take()) {
      if (effect.do === "say") this._channel?.postMessage(effect.message)
      else if (effect.do === "steal") this._lock?.request(true)
      else if (effect.do === "news") this._news(effect.ids)
      else {
        if (this._connection) this._save()
        this._options.changed()
      }
    }
    this._connection?.tell()
    clearTimeout(this._timer)
    const deadline = this._tabs.deadline()
    if (deadline === Infinity || !this._channel) return
    this._timer = setTimeout(() => {
      this._tabs.tick(performance.now(), !document.hidden)
      this._run()
    }, Math.max(0, deadline - performance.now()))
  }
}
