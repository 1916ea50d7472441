// The look of one notice, as a toast, in the bell's panel, and in a preview.

import { icon, make } from "./dom.js"
import { readLink, type Notice } from "./notice.js"
import { ago, type Words } from "./words.js"

export interface CardOptions {
  words: Words
  language: string
  now: number
  /** What the close button does; without it there is none. */
  dismiss?: () => void
  /** Told when the link was followed. */
  follow?: () => void
}

/** Make the card of a notice. What it says is text, and its link checked again. Call `fold` once it stands in a page. */
export function card(notice: Notice, { words, language, now, dismiss, follow }: CardOptions): HTMLElement {
  const { level, title, body, at } = notice
  const face = make("span", { class: "face" }, icon(level))
  const content = make("div", { class: "content" }, make("span", { class: "unheard" }, `${words.level[level]}:`))
  if (title) content.append(make("p", { class: "title", part: "title", dir: "auto" }, title))
  content.append(make("p", { class: "body", part: "body", dir: "auto" }, body), more(words))
  const foot = make("div", { class: "foot" })
  const link = readLink(notice.link)
  if (link) foot.append(anchor(link, words, follow))
  if (at) foot.append(make("time", { datetime: new Date(at).toISOString(), part: "time" }, ago(at, now, language)))
  content.append(foot)
  const whole = make("div", { class: `card ${level}`, part: `card ${level}` }, face, content)
  if (dismiss) whole.append(closeButton(words.dismiss(title), dismiss))
  return whole
}

/** Offer the rest of a body that is too long for its card. */
export function fold(whole: HTMLElement): void {
  const body = whole.querySelector(".body")!
  whole.querySelector<HTMLElement>(".more")!.hidden = body.scrollHeight <= body.clientHeight + 1
}

/** Bring what the cards say of their age up to date. */
export function age(root: ParentNode, now: number, language: string): void {
  for (const one of root.querySelectorAll("time")) one.textContent = ago(Date.parse(one.dateTime), now, language)
}

export function closeButton(label: string, press: () => void): HTMLButtonElement {
  const button = make("button", { type: "button", class: "close", part: "close", "aria-label": label }, icon("close"))
  button.addEventListener("click", press)
  return button
}

function more(words: Words): HTMLButtonElement {
  const button = make("button", {
    type: "button", class: "more", part: "more", hidden: true, "aria-expanded": "false",
  }, words.more)
  button.addEventListener("click", () => {
    const isOpen = button.closest(".card")!.classList.toggle("open")
    button.setAttribute("aria-expanded", String(isOpen))
    button.textContent = isOpen ? words.less : words.more
  })
  return button
}

function anchor(link: string, words: Words, follow?: () => void): HTMLAnchorElement {
  const { host } = new URL(link)
  const whole = make(
    "a", { href: link, target: "_blank", rel: "noopener noreferrer", part: "link" },
    words.open(host), icon("link"), make("span", { class: "unheard" }, ` ${words.newTab}`),
  )
  whole.addEventListener("click", () => follow?.())
  whole.addEventListener("auxclick", () => follow?.())
  return whole
}
