// The bell: how much is unread, and a panel with what there is.

import { card, closeButton, fold } from "./card.js"
import { icon, make } from "./dom.js"
import { UNREAD, type Kept } from "./inbox.js"
import type { Words } from "./words.js"

export interface BellEvents {
  /** The panel was opened, or closed: what stood in it has been seen. */
  opened(isOpen: boolean): void
  followed(id: string): void
}

export interface BellView {
  notices: Kept[]
  unread: number
  /** How the connection is, in words, if there is anything to say. */
  status: string
  now: number
}

export class Bell {
  readonly button: HTMLButtonElement
  readonly panel: HTMLElement
  isOpen = false
  private _badge = make("span", { class: "badge", part: "badge", "aria-hidden": "true", hidden: true })
  private _status = make("p", { class: "state", part: "status", role: "status", dir: "auto" })
  private _list = make("ul", {
    class: "list", part: "list", tabindex: "0", "aria-labelledby": "heading", "aria-live": "polite", "aria-relevant": "additions",
  })
  private _empty: HTMLElement
  private _items = new Map<string, HTMLElement>()
  /** Ids that were unread when the panel was opened, or came since: they are marked until it is closed. */
  private _marked = new Set<string>()

  constructor(private _words: Words, private _language: string, private _on: BellEvents) {
    const { notices, close, empty, emptyMore } = _words
    this.button = make("button", {
      type: "button", class: "bell", part: "bell", "aria-haspopup": "dialog", "aria-expanded": "false",
      "aria-controls": "panel",
    }, icon("bell"), this._badge)
    this._empty = make("div", { class: "empty", part: "empty" },
      icon("bell"), make("p", { class: "title" }, empty), make("p", {}, emptyMore))
    const head = make("div", { class: "head" }, make("h2", { id: "heading" }, notices), closeButton(close, () => this.close()))
    this.panel = make("div", {
      class: "panel", part: "panel", id: "panel", role: "dialog", "aria-labelledby": "heading", tabindex: "-1", hidden: true,
    }, head, this._status, this._list, this._empty)
    this.button.addEventListener("click", () => this.isOpen ? this.close() : this._open())
    this.panel.addEventListener("keydown", event => event.key === "Escape" && this.close())
  }

  update({ notices, unread, status, now }: BellView): void {
    this.button.setAttribute("aria-label", this._words.bell(unread))
    this._badge.textContent = unread > 99 ? "99+" : String(unread)
    this._badge.hidden = !unread
    this._status.textContent = status
    this._fill(notices, now)
    this._list.hidden = !notices.length
    this._empty.hidden = notices.length > 0
    this._fold()
  }

  /** Bring the list up to date by what is otherwise: what is announced, unfolded or in focus stays as it is. */
  private _fill(notices: Kept[], now: number): void {
    for (const [id, item] of this._items) {
      if (notices.some(one => one.id === id)) continue
      item.remove()
      this._items.delete(id)
    }
    notices.forEach((one, index) => {
      if (one.read === UNREAD) this._marked.add(one.id)
      const [item, there] = [this._item(one, now), this._list.children[index] ?? null]
      if (there !== item) this._list.insertBefore(item, there)
      item.classList.toggle("unread", this._marked.has(one.id))
      item.querySelector<HTMLElement>(".dot")!.hidden = !this._marked.has(one.id)
    })
  }

  /** Close the panel; the focus goes back to the bell, unless the user has put it elsewhere. */
  close(takesFocus = true): void {
    if (!this.isOpen) return
    this._toggle(false)
    this._marked.clear()
    if (takesFocus) this.button.focus()
  }

  private _open(): void {
    this._toggle(true)
    this._fold()
    this.panel.focus()
  }

  private _toggle(isOpen: boolean): void {
    this.isOpen = isOpen
    this.panel.hidden = !isOpen
    this.button.setAttribute("aria-expanded", String(isOpen))
    this._on.opened(isOpen)
  }

  private _fold(): void {
    if (this.isOpen) this._items.forEach(item => item.querySelector(".card.open") ?? fold(item))
  }

  private _item(one: Kept, now: number): HTMLElement {
    const known = this._items.get(one.id)
    if (known) return known
    const { _words: words, _language: language } = this
    const dot = make("span", { class: "dot", hidden: true }, make("span", { class: "unheard" }, words.unread))
    const item = make("li", { part: "item" }, dot, card(one, { words, language, now, follow: () => this._on.followed(one.id) }))
    this._items.set(one.id, item)
    return item
  }
}
