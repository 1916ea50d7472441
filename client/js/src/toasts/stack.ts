// The toasts on show, in a page: their cards, and what pauses and dismisses them. What is on show the queue decides.

import { card, closeButton, fold } from "./card.js"
import { icon, make } from "./dom.js"
import type { Kept } from "./inbox.js"
import { Queue } from "./queue.js"
import type { Words } from "./words.js"

export interface StackEvents {
  /** A toast was dismissed, or its link followed. */
  read(id: string): void
  /** The clocks stand or run. */
  held(): void
  /** Where the focus goes that nothing here keeps. */
  home(): HTMLElement | null
}

export class Stack {
  readonly root = make("div", { class: "stack", part: "toasts", "aria-live": "polite", "aria-relevant": "additions" })
  readonly queue = new Queue()
  private _cards = new Map<string, HTMLElement>()
  private _banner: HTMLElement | null = null
  private _cameFrom: HTMLElement | null = null

  constructor(private _words: Words, private _language: string, private _on: StackEvents) {
    const hold = (reason: string, isHeld: boolean) => {
      this.queue.hold(reason, isHeld, Date.now())
      this._on.held()
    }
    this.root.addEventListener("pointerover", () => hold("hover", true))
    this.root.addEventListener("pointerout", event => this._isIn(event.relatedTarget) || hold("hover", false))
    this.root.addEventListener("focusin", event => {
      if (!this._isIn(event.relatedTarget)) this._cameFrom = event.relatedTarget as HTMLElement | null
      hold("focus", true)
    })
    this.root.addEventListener("focusout", event => this._isIn(event.relatedTarget) || hold("focus", false))
    this.root.addEventListener("keydown", event => {
      if (event.key === "Escape") (event.target as Element).closest(".card")?.querySelector<HTMLElement>(".close")!.click()
    })
  }

  /** Show of these what there is room for. */
  update(wanted: Kept[], now: number): void {
    this.queue.update(wanted, now)
    const shown = this.queue.shown
    for (const [id, one] of this._cards) {
      if (shown.includes(id)) continue
      this._cards.delete(id)
      this._remove(one)
    }
    for (const id of shown) {
      if (!this._cards.has(id)) this._show(wanted.find(one => one.id === id)!, now)
    }
  }

  /** Say something about the connection that no notice says, or nothing (null). */
  tell(sentence: string | null): void {
    if (this._banner) this._remove(this._banner)
    this._banner = null
    if (sentence === null) return
    const banner = this._banner = make("div", { class: "card warning", part: "card banner", role: "alert" },
      make("span", { class: "face" }, icon("warning")),
      make("div", { class: "content" },
        make("p", { class: "title", part: "title" }, this._words.disconnected),
        make("p", { class: "body", part: "body" }, sentence)),
      closeButton(this._words.dismiss(this._words.disconnected), () => this.tell(null)))
    this.root.prepend(banner)
  }

  private _show(one: Kept, now: number): void {
    const { _words: words, _language: language } = this
    const read = () => this._on.read(one.id)
    const whole = card(one, { words, language, now, dismiss: read, follow: read })
    whole.setAttribute("role", one.level === "urgent" ? "alert" : "group")
    whole.setAttribute("aria-label", `${words.level[one.level]}: ${one.title || one.body.slice(0, 80)}`)
    whole.dataset.id = one.id
    this._cards.set(one.id, whole)
    this.root.append(whole)
    fold(whole)
  }

  private _remove(whole: HTMLElement): void {
    const [isFocused, isHovered] = [whole.matches(":focus-within"), whole.matches(":hover")]
    const next = (whole.nextElementSibling ?? whole.previousElementSibling)?.querySelector<HTMLElement>(".close")
    if (isFocused) (next ?? (this._cameFrom?.isConnected ? this._cameFrom : this._on.home()))?.focus()
    whole.remove()
    // What is removed tells of neither: the clocks would stand for ever.
    if (isHovered) this.queue.hold("hover", false, Date.now())
    if (isFocused && !this.root.matches(":focus-within")) this.queue.hold("focus", false, Date.now())
  }

  private _isIn(target: EventTarget | null): boolean {
    return this.root.contains(target as Node | null)
  }
}
