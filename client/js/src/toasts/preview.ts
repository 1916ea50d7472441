// <notifier-card>: one card as customers see it, which does nothing: for whoever writes a notice.

import { card, fold } from "./card.js"
import { make } from "./dom.js"
import { readNotice, readObject } from "./notice.js"
import { cardSheets } from "./style.js"
import { languageOf, wordsFor } from "./words.js"

const FRAME = ".card { border-radius: var(--_radius); box-shadow: var(--_shadow), 0 0 0 1px var(--_edge); max-width: var(--_width) } :host { display: block }"

export class NotifierCard extends HTMLElement {
  private _notice: unknown = null

  /** What `new_msg` would bring: `{body, level, title, link, at}`; without `at` it is sent now. */
  get notice(): unknown {
    return this._notice
  }

  set notice(notice: unknown) {
    this._notice = notice
    this._render()
  }

  connectedCallback(): void {
    if (Object.hasOwn(this, "notice")) { // set before this element was defined
      const { notice } = this
      delete (this as { notice?: unknown }).notice
      this._notice = notice
    }
    if (!this.shadowRoot) {
      const frame = new CSSStyleSheet()
      frame.replaceSync(FRAME)
      this.attachShadow({ mode: "open" }).adoptedStyleSheets = [...cardSheets(), frame]
    }
    this._render()
  }

  private _render(): void {
    const { shadowRoot } = this
    if (!shadowRoot) return
    const now = Date.now()
    const notice = readNotice("", { at: new Date(now).toISOString(), ...readObject(this._notice), id: "preview" })
    const language = languageOf(this)
    if (!notice) return shadowRoot.replaceChildren()
    const whole = card(notice, { words: wordsFor(language), language, now, dismiss() {} })
    shadowRoot.replaceChildren(make("div", { inert: true }, whole))
    fold(whole)
  }
}
