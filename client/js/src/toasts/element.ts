// <notifier-toasts>: the widget, as a host page has it.

import { age } from "./card.js"
import { Bell } from "./bell.js"
import { make } from "./dom.js"
import { Member } from "./member.js"
import { Stack } from "./stack.js"
import { widgetSheets } from "./style.js"
import { languageOf, refusal, wordsFor, type Words } from "./words.js"
import type { Token } from "../transport.js"

const MINUTE_MS = 60_000
/** Milliseconds until a token is asked for again, where the page could not give one. */
const TOKEN_AGAIN_MS = 5_000

export class NotifierToasts extends HTMLElement {
  static observedAttributes = ["src", "token", "rooms"]

  private _token: Token | null = null
  private _member: Member | null = null
  private _words!: Words
  private _language = ""
  private _bell!: Bell
  private _stack!: Stack
  /** Why the server refused, if it did. */
  private _reason: string | null = null
  /** Nobody is signed in: there is no token, or the user's notices were forgotten. */
  private _isSignedOut = false
  private _timer: ReturnType<typeof setTimeout> | undefined
  private _run = 0
  private _leaving = new AbortController()

  /** The user token, or what gives it (or a promise of it), asked whenever a session is opened. Setting it begins anew. */
  get token(): Token | null {
    return this._token ?? this.getAttribute("token")
  }

  set token(token: Token | null) {
    this._token = token
    this._restart()
  }

  /** Hang up in all tabs, and leave nothing of this user's notices in the browser: for when the user signs out. */
  forget(): void {
    if (this._member) this._member.forget()
    else this._leave()
  }

  connectedCallback(): void {
    if (Object.hasOwn(this, "token")) { // set before this element was defined
      const { token } = this
      delete (this as { token?: Token | null }).token
      this._token = token
    }
    this._build()
    const { signal } = this._leaving = new AbortController()
    document.addEventListener("visibilitychange", () => this._looked(), { signal })
    document.addEventListener("pointerdown", event => {
      if (!event.composedPath().includes(this)) this._bell.close(false)
    }, { signal })
    // A page in the browser's cache of pages must not lead, or hold a lock, which would keep it out.
    addEventListener("pagehide", () => this._stop(), { signal })
    addEventListener("pageshow", event => event.persisted && this._restart(), { signal })
    this._restart()
  }

  disconnectedCallback(): void {
    this._leaving.abort()
    this._stop()
  }

  attributeChangedCallback(): void {
    this._restart()
  }

  private _build(): void {
    const root = this.shadowRoot ?? this.attachShadow({ mode: "open" })
    root.adoptedStyleSheets = widgetSheets()
    this._language = languageOf(this)
    this._words = wordsFor(this._language)
    this._bell = new Bell(this._words, this._language, {
      opened: () => this._opened(),
      followed: id => this._member?.read([id]),
    })
    this._stack = new Stack(this._words, this._language, {
      read: id => this._member?.read([id]),
      held: () => this._schedule(),
      home: () => this._bell.button,
    })
    const corner = make("div", { class: "corner" }, this._bell.panel, this._stack.root)
    root.replaceChildren(make("section", { part: "region", "aria-label": this._words.notices }, this._bell.button, corner))
    this._update()
  }

  private _stop(): void {
    this._run++
    clearTimeout(this._timer)
    this._member?.stop()
    this._member = null
  }

  /** Stop, and show nothing: there is nobody whose notices these would be. */
  private _leave(): void {
    this._isSignedOut = true
    this._stop()
    if (this._bell) this._update()
  }

  /** Begin anew once this task is over: several attributes may be set in it. */
  private async _restart(): Promise<void> {
    if (!this.isConnected || !this._bell) return
    this._stop()
    const run = this._run
    await null
    const [src, { token }] = [this.getAttribute("src"), this]
    if (run !== this._run) return
    if (!src || !token) return this._leave()
    this._isSignedOut = false
    this._reason = null
    this._stack.tell(null)
    try {
      const first = await (typeof token === "function" ? token() : token)
      if (run === this._run) this._start(new URL(src, document.baseURI).href, token, first)
    } catch {
      if (run !== this._run) return
      this._update() // what is on show could be another's
      this._timer = setTimeout(() => this._restart(), TOKEN_AGAIN_MS)
    }
  }

  private _start(src: string, token: Token, first: string): void {
    const rooms = ["room:lobby", ...(this.getAttribute("rooms") ?? "").split(/\s+/).filter(Boolean)]
    this._member = new Member({
      src, first, rooms: [...new Set(rooms)],
      token: () => (typeof token === "function" ? token() : token),
      changed: () => this._update(),
      news: ids => this._news(ids),
      refused: reason => this._refused(reason),
      another: () => this._restart(),
      forgotten: () => this._leave(),
    })
    this._member.start()
    this._looked()
  }

  private _news(ids: string[]): void {
    const waiting = this._member?.inbox.toasts(Date.now()) ?? []
    for (const notice of waiting) if (ids.includes(notice.id)) this._tell("notifier-notice", { ...notice })
  }

  private _refused(reason: string): void {
    this._reason = reason
    this._stack.tell(refusal(reason, this._words))
    this._update()
    this._tell("notifier-refused", { reason })
  }

  private _tell(event: string, detail: object): void {
    this.dispatchEvent(new CustomEvent(event, { detail, bubbles: true, composed: true }))
  }

  private _looked(): void {
    this._stack.queue.hold("hidden", document.hidden, Date.now())
    if (!document.hidden) this._member?.look()
    this._update()
  }

  /** What stands in the panel is read when it is opened, and what came meanwhile when it is closed. */
  private _opened(): void {
    const unread = this._member?.inbox.unread(Date.now()) ?? []
    if (unread.length) this._member!.read(unread.map(one => one.id))
    this._update()
  }

  private _update(): void {
    const now = Date.now()
    const { _member: member, _words: words } = this
    const connection = this._isSignedOut ? "" : words.status[member?.status ?? "connecting"]
    const over = this._stack.queue.take(now)
    if (over.length && member) return member.ranOut(over) // and comes back here
    this._stack.update(this._bell.isOpen ? [] : member?.inbox.toasts(now) ?? [], now)
    this._bell.update({
      notices: member?.inbox.notices(now) ?? [],
      unread: member?.inbox.unread(now).length ?? 0,
      status: this._reason === null ? connection : `${words.disconnected}. ${refusal(this._reason, words)}`,
      now,
    })
    this._schedule()
  }

  private _schedule(): void {
    const now = Date.now()
    const { _member: member } = this
    clearTimeout(this._timer)
    if (!member) return
    const due = Math.min(this._stack.queue.deadline(), member.inbox.deadline(now), now + MINUTE_MS)
    this._timer = setTimeout(() => {
      age(this.shadowRoot!, Date.now(), this._language)
      this._update()
    }, Math.max(0, due - now))
  }
}
