// What one tab says to the others, and when. Pure: messages and `now` in, effects out, a `deadline` for the timer.
//
// The rules of this file:
//
// - One tab leads and has the connection; a lock of the browser's says which. Without locks each one leads.
// - A tab always says the whole of what it knows, so that the next message makes up for any that was lost.
// - Who hears less than it knows from the leader, or as the leader from anybody, says what it knows.
// - A tab that wants something (to know, or to have its act known) asks until the leader has spoken. A leader that
//   holds the lock and stays silent while the user looks at this tab hangs: its lock is taken.

import { readObject } from "./notice.js"
import { readSnapshot, type Inbox, type Snapshot } from "./inbox.js"

/** Milliseconds until a tab asks again that had no answer, and how often it asks before it takes the lock. */
export const ASK_MS = 2_000
export const MAX_ASKS = 4
/** Milliseconds after the leader's last word until a tab that the user looks at asks whether it still lives. */
export const CHECK_MS = 30_000

/** How the connection is: none yet, working, lost and tried again, or refused for good. */
export const STATUSES = ["connecting", "online", "offline", "refused"] as const
export type Status = (typeof STATUSES)[number]

export interface Message {
  /** What the one who leads says of the connection; null from all others. */
  status: Status | null
  /** Whether an answer is wanted in any case. */
  asks: boolean
  snapshot: Snapshot
}

export type Effect = { do: "say"; message: Message } | { do: "steal" } | { do: "news"; ids: string[] } | { do: "show" }

export class Tabs {
  isLeader = false
  status: Status = "connecting"
  private _effects: Effect[] = []
  private _askAt = Infinity
  private _asks = 0

  constructor(private _inbox: Inbox) {}

  /** What is to be done, in order. Call it after every event. */
  take(): Effect[] {
    return this._effects.splice(0)
  }

  /** When `tick` is due. */
  deadline(): number {
    return this._askAt
  }

  /** This tab has come, or the user looks at it again: it may have missed anything. */
  ask(now: number): void {
    this._asks = 0
    this._ask(now)
  }

  /** The user did something here, or the leader heard something from the server. */
  acted(now: number): void {
    this._effects.push({ do: "show" })
    if (this.isLeader) this._say(false)
    else this.ask(now)
  }

  /** The lock is ours. */
  lead(): void {
    this.isLeader = true
    this.status = "connecting"
    this._askAt = Infinity
    this._say(true)
  }

  /** The lock is ours no more. */
  follow(now: number): void {
    this.isLeader = false
    this.ask(now)
  }

  /** The leader's connection is otherwise. */
  connected(status: Status): void {
    if (status === this.status) return
    this.status = status
    this._effects.push({ do: "show" })
    this._say(false)
  }

  /** Another tab said something; it is read as if a stranger had. */
  heard(said: unknown, now: number): void {
    const { status: told, asks, snapshot } = readObject(said)
    const status = STATUSES.find(one => one === told) ?? null
    const theirs = readSnapshot(snapshot)
    const { news, changed } = this._inbox.merge(theirs)
    if (news.length) this._effects.push({ do: "news", ids: news })
    if (status && !this.isLeader) {
      this._asks = 0
      this._askAt = now + CHECK_MS
      if (status !== this.status) this._effects.push({ do: "show" })
      this.status = status
    }
    if (changed) this._effects.push({ do: "show" })
    const knowsMore = JSON.stringify(theirs) !== this._inbox.text()
    if (this.isLeader ? asks === true || changed || knowsMore : status && knowsMore) this._say(false)
  }

  /** Ask again; `isSeen`: the user looks at this tab. */
  tick(now: number, isSeen: boolean): void {
    if (now < this._askAt) return
    this._askAt = Infinity
    if (this._asks >= MAX_ASKS) {
      if (isSeen) this._effects.push({ do: "steal" })
    } else if (this._asks || isSeen) {
      this._ask(now)
    }
  }

  private _ask(now: number): void {
    if (this.isLeader) return
    this._asks++
    this._askAt = now + ASK_MS
    this._say(true)
  }

  private _say(asks: boolean): void {
    const status = this.isLeader ? this.status : null
    this._effects.push({ do: "say", message: { status, asks, snapshot: this._inbox.snapshot() } })
  }
}
