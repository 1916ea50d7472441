// Which toasts are on show, and how long each one stays. Pure: `now` handed in, a `deadline` goes out.

import type { Level } from "./notice.js"

/** Toasts at once; the others wait. */
export const MAX_SHOWN = 3

/** Milliseconds that a toast stays, by its level. */
export const SHOWN_MS: Record<Level, number> = { info: 8_000, success: 8_000, warning: 15_000, urgent: Infinity }

interface Toast {
  id: string
  level: Level
}

export class Queue {
  private _left = new Map<string, number>()
  private _now = 0
  private _holds = new Set<string>()

  /** Ids on show, the oldest first. */
  get shown(): string[] {
    return [...this._left.keys()]
  }

  /** Show what there is to show, in this order: what is no longer in it goes, and others take its place. */
  update(wanted: Toast[], now: number): void {
    this._run(now)
    for (const id of this.shown) if (!wanted.some(one => one.id === id)) this._left.delete(id)
    for (const { id, level } of wanted) {
      if (this._left.size < MAX_SHOWN && !this._left.has(id)) this._left.set(id, SHOWN_MS[level])
    }
  }

  /** Stop all clocks for a reason (`hover`, `focus`, `hidden`), or let it go; they run while there is none. */
  hold(reason: string, isHeld: boolean, now: number): void {
    this._run(now)
    if (isHeld) this._holds.add(reason)
    else this._holds.delete(reason)
  }

  /** Take the ids whose time is over: they are on show no more, and are not to be among what `update` is given. */
  take(now: number): string[] {
    this._run(now)
    const over = this.shown.filter(id => this._left.get(id)! <= 0)
    over.forEach(id => this._left.delete(id))
    return over
  }

  /** When `take` will have one. */
  deadline(): number {
    return this._holds.size ? Infinity : this._now + Math.min(Infinity, ...this._left.values())
  }

  private _run(now: number): void {
    const passed = Math.max(0, now - this._now) // the clock of the device may be put back
    if (!this._holds.size) for (const [id, left] of this._left) this._left.set(id, left - passed)
    this._now = now
  }
}
