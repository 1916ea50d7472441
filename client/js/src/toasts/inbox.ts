// What this browser knows of a user's notices. Pure: no page, no storage, no clock.
//
// The rules of this file:
//
// - Everything only grows: a notice becomes known, its toast done, it is read, the server has been told, it is
//   withdrawn. So two states merge into one whatever was lost, doubled or late between the tabs: the more of each.
// - `last` of a topic moves together with the notices up to it: whoever has a state may join with its `since`.
// - A bound drops the oldest ids, the same in each tab, so that what was dropped does not come back.

import { isOver, readKept, readNotice, readObject, type Notice } from "./notice.js"

/** Notices kept, and withdrawn ids: the newest. The server hands out no more of what waits. */
export const MAX_KEPT = 100

/** Whether a notice was read: dismissed, followed or opened (`READ`), which the server may know already (`TOLD`). */
export const [UNREAD, READ, TOLD] = [0, 1, 2] as const

export interface Kept extends Notice {
  read: number
  /** Its toast has run out. */
  done: boolean
}

export interface Snapshot {
  kept: Kept[]
  withdrawn: string[]
  last: [topic: string, id: string][]
}

const byId = (one: { id: string }, other: { id: string }) => (one.id < other.id ? -1 : 1)
const newest = (ids: Iterable<string>) => [...ids].sort().slice(-MAX_KEPT)

/** Read what another tab said or what was stored: of anything else there is nothing in it. */
export function readSnapshot(value: unknown): Snapshot {
  const { kept, withdrawn, last } = readObject(value)
  const list = (of: unknown): unknown[] => (Array.isArray(of) ? of : [])
  const isText = (one: unknown): one is string => typeof one === "string"
  return {
    kept: list(kept).flatMap(one => {
      const notice = readKept(one)
      const { read, done } = readObject(one)
      return notice ? [{ ...notice, read: Math.min(Math.max(Number(read) | 0, UNREAD), TOLD), done: done === true }] : []
    }),
    withdrawn: list(withdrawn).filter(isText),
    last: list(last).flatMap(one => {
      const [topic, id] = list(one)
      return isText(topic) && isText(id) ? [[topic, id] as [string, string]] : []
    }),
  }
}

export class Inbox {
  private _kept = new Map<string, Kept>()
  private _withdrawn = new Set<string>()
  private _last = new Map<string, string>()

  // --- in: from the server

  /** A `new_msg` came. Tell whether it was news. */
  came(topic: string, payload: unknown): boolean {
    const notice = readNotice(topic, payload)
    if (!notice) return false
    this.reached(topic, notice.id)
    if (this._kept.has(notice.id)) return false
    this._keep({ ...notice, read: UNREAD, done: false })
    this._prune()
    return this._kept.has(notice.id)
  }

  /** Everything of a topic up to `id` has come: it is where the next join goes on. */
  reached(topic: string, id: string): void {
    if (id > (this._last.get(topic) ?? "")) this._last.set(topic, id)
  }

  withdraw(id: string): void {
    this._withdrawn.add(id)
    this._prune()
  }

  /** Nothing of a topic up to `head` is unread: what is here was read elsewhere. */
  caughtUp(topic: string, head: string): void {
    this.told([...this._kept.values()].filter(one => one.topic === topic && one.id <= head).map(one => one.id))
  }

  /** The server knows that these were read, by us or by another session of the user's. */
  told(ids: string[]): void {
    this._raise(ids, { read: TOLD })
  }

  // --- in: from the user

  /** These were dismissed, followed or opened. */
  read(ids: string[]): void {
    this._raise(ids, { read: READ })
  }

  /** These toasts have had their time: they wait in the bell. */
  ranOut(ids: string[]): void {
    this._raise(ids, { done: true })
  }

  // --- in: from another tab, or from storage

  /** Take what another knows. Tell which notices were news, and whether anything was. */
  merge({ kept, withdrawn, last }: Snapshot): { news: string[]; changed: boolean } {
    const before = this.text()
    const known = new Set(this._kept.keys())
    kept.forEach(one => this._keep(one))
    withdrawn.forEach(id => this._withdrawn.add(id))
    last.forEach(([topic, id]) => this.reached(topic, id))
    this._prune()
    return { news: [...this._kept.keys()].filter(id => !known.has(id)), changed: this.text() !== before }
  }

  // --- out

  /** All there is, in an order that depends on nothing else. */
  snapshot(): Snapshot {
    return {
      kept: [...this._kept.values()].sort(byId), withdrawn: newest(this._withdrawn), last: [...this._last].sort(),
    }
  }

  /** The same as text: equal in two tabs if nothing is missing in either. */
  text(): string {
    return JSON.stringify(this.snapshot())
  }

  /** What to say at a join; null before anything was heard of the topic. */
  since(topic: string): string | null {
    return this._last.get(topic) ?? null
  }

  get(id: string): Kept | undefined {
    return this._kept.get(id)
  }

  /** What the bell holds, the newest first. */
  notices(now: number): Kept[] {
    return this.snapshot().kept.filter(one => !isOver(one, now)).reverse()
  }

  unread(now: number): Kept[] {
    return this.notices(now).filter(one => one.read === UNREAD)
  }

  /** What is to be shown as a toast: urgent ones first, then in the order they were sent. */
  toasts(now: number): Kept[] {
    const waiting = this.unread(now).filter(one => !one.done).reverse()
    return [...waiting.filter(one => one.level === "urgent"), ...waiting.filter(one => one.level !== "urgent")]
  }

  /** Ids of a topic that were read, of which the server is still to be told. */
  untold(topic: string): string[] {
    return this.snapshot().kept.filter(one => one.topic === topic && one.read === READ).map(one => one.id)
  }

  /** When the next notice will be over. */
  deadline(now: number): number {
    return Math.min(...this.notices(now).map(one => one.expires || Infinity))
  }

  // --- within

  private _keep(one: Kept): void {
    const mine = this._kept.get(one.id)
    this._kept.set(one.id, mine ? { ...mine, read: Math.max(mine.read, one.read), done: mine.done || one.done } : one)
  }

  private _raise(ids: string[], to: { read?: number; done?: boolean }): void {
    for (const one of ids.map(id => this._kept.get(id))) {
      if (one) this._keep({ ...one, read: Math.max(one.read, to.read ?? UNREAD), done: to.done ?? one.done })
    }
  }

  private _prune(): void {
    this._withdrawn = new Set(newest(this._withdrawn))
    this._withdrawn.forEach(id => this._kept.delete(id))
    const stay = new Set(newest(this._kept.keys()))
    for (const id of this._kept.keys()) if (!stay.has(id)) this._kept.delete(id)
  }
}
