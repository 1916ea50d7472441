// Long-polling: what the requests look like, and how their answers are read.
//
// Everything that a live session's requests say stands in headers, so that their address stays the same: browsers
// remember a preflight by address. `_` differs between tabs, as some caches let one of two equal requests wait.

import { fromLine, toLine, type Frame } from "./framing.js"
import type { Answer } from "./effects.js"

export type Fetch = typeof globalThis.fetch

/** Random letters for a key or a tab. */
export function randomKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), byte => byte.toString(16).padStart(2, "0")).join("")
}

const TAB = randomKey().slice(0, 8)

export class LongPoll {
  private _requests = new Map<number, AbortController>()
  private _live: string

  /** `url` is that of the socket's long-poll, with the query that phoenix.js made. */
  constructor(private _url: URL, private _fetch: Fetch) {
    const live = new URL(_url)
    live.search = `?vsn=${_url.searchParams.get("vsn") ?? ""}&_=${TAB}`
    this._live = live.href
  }

  open(id: number, key: string, userToken: string | null, frames: Frame[]): Promise<Answer | null> {
    const url = new URL(this._url)
    url.searchParams.append("notifier", "resume")
    const headers: Record<string, string> = { "X-Notifier-Open": key, "X-Notifier-Seq": "1" }
    if (userToken) headers["X-Phoenix-AuthToken"] = userToken
    return this._request(id, url.href, headers, frames)
  }

  poll(id: number, token: string, ack: number, turn: number): Promise<Answer | null> {
    return this._request(id, this._live, {
      "X-Phoenix-LongPoll-Token": token, "X-Notifier-Ack": String(ack), "X-Notifier-Turn": String(turn),
    })
  }

  post(id: number, token: string, seq: number, frames: Frame[]): Promise<Answer | null> {
    return this._request(id, this._live, { "X-Phoenix-LongPoll-Token": token, "X-Notifier-Seq": String(seq) }, frames)
  }

  /** Give a request up; its promise gives null. */
  abort(id: number): void {
    this._requests.get(id)?.abort()
  }

  /** Say that the session is over, in a way that outlives the page. */
  goodbye(token: string): void {
    const url = new URL(this._url)
    url.search = `?notifier=close&token=${encodeURIComponent(token)}`
    if (typeof navigator !== "undefined" && navigator.sendBeacon?.(url.href, "")) return
    this._fetch(url.href, { method: "POST", keepalive: true }).then(answer => answer.text()).catch(() => {})
  }

  private async _request(
    id: number, url: string, headers: Record<string, string>, frames?: Frame[],
  ): Promise<Answer | null> {
    const controller = new AbortController()
    this._requests.set(id, controller)
    const init: RequestInit = { headers, cache: "no-store", signal: controller.signal }
    if (frames) {
      init.method = "POST"
      init.body = frames.map(toLine).join("\n")
      headers["Content-Type"] = "application/x-ndjson"
    }
    try {
      const answer = await this._fetch(url, init)
      return answer.ok || answer.status === 413 ? readAnswer(await answer.json()) : null
    } catch {
      return null // reset, aborted, blocked, or not JSON: all the same, it is to be repeated
    } finally {
      this._requests.delete(id)
    }
  }
}

/** Read the JSON of an answer; null where it is not one of our server's. Raises for bad base64. */
function readAnswer(json: Omit<Answer, "messages"> & { messages?: string[] }): Answer | null {
  const messages = (json.messages ?? []).map(fromLine)
  return typeof json.status === "number" && (!messages.length || json.seq! >= 1) ? { ...json, messages } : null
}
