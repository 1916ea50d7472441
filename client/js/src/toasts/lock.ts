// Which of a user's tabs leads: whoever has the browser's lock of that name, until its page goes.

/** Whether this browser, on this page, has what tabs need to share. */
export function canShare(): boolean {
  return typeof BroadcastChannel !== "undefined" && "locks" in navigator // not on an insecure origin
}

/** One tab's standing in line for a lock. */
export class Lock {
  private _abort = new AbortController()
  private _release: (() => void) | null = null

  /**
   * `onLost` is called if the lock was ours, or was waited for, and was taken by force. Where the browser keeps locks from
   * us (a sandboxed frame, no cookies), `onLead` is called at once: each tab leads.
   */
  constructor(private _name: string, private _onLead: () => void, private _onLost: () => void) {}

  /** Stand in line; or take the lock, whoever has it. */
  request(steal = false): void {
    this.release()
    const abort = this._abort = new AbortController()
    navigator.locks.request(this._name, steal ? { steal } : { signal: abort.signal }, () => {
      if (abort.signal.aborted) return
      const held = new Promise<void>(resolve => { this._release = resolve })
      this._onLead()
      return held
    }).catch(error => {
      if (abort.signal.aborted) return // by ourselves
      this._release = null
      if (error.name === "AbortError") this._onLost()
      else this._onLead()
    })
  }

  /** Let it go, or leave the line. */
  release(): void {
    this._abort.abort()
    this._release?.()
    this._release = null
  }
}
