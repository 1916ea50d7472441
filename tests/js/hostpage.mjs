// A host page with the widget in it, and the server behind it: what a scenario of `toasts.mjs` does and asks.
//
// Given are: pages (the origin that serves `/USER/`), server and key (of the API).

import { readFileSync } from "node:fs"
import { createRequire } from "node:module"
import { given, newContext } from "./browser.mjs"

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core"), "utf8")
const PATIENCE_MS = 10_000

export async function api(method, path, body) {
  const headers = { Authorization: `Bearer ${given.key}`, "Content-Type": "application/json" }
  const answer = await fetch(`${given.server}/api/v1${path}`, { method, headers, body: body && JSON.stringify(body) })
  const told = await answer.json()
  if (!answer.ok) throw new Error(`${method} ${path}: ${JSON.stringify(told)}`)
  return told
}

export const send = (to, body, fields) => api("POST", "/notices", { to: to === "all" ? to : { users: [to] }, body, ...fields })
export const health = async () => (await fetch(`${given.server}/health`)).json()
export const sessions = async () => Object.values((await health()).sessions).reduce((sum, count) => sum + count)

/** Ask again until the answer is what it should be; give the last one in any case. */
export async function until(ask, isRight, patienceMs = PATIENCE_MS) {
  const end = Date.now() + patienceMs
  for (;;) {
    const answer = await ask()
    if (isRight(answer) || Date.now() > end) return answer
    await new Promise(resolve => setTimeout(resolve, 20))
  }
}

/** What a page notes of itself: each card that was shown, and when; events; what its policy and its errors say. */
export function watch() {
  const noted = window.noted = { shown: [], told: [], refused: [], violations: [], errors: [] }
  addEventListener("error", event => noted.errors.push(event.message))
  document.addEventListener("securitypolicyviolation", event => noted.violations.push(event.violatedDirective))
  document.addEventListener("notifier-notice", event => noted.told.push(event.detail.body))
  document.addEventListener("notifier-refused", event => noted.refused.push(event.detail.reason))
  customElements.whenDefined("notifier-toasts").then(() => {
    const root = document.querySelector("notifier-toasts").shadowRoot
    const note = card => card.dataset?.id && noted.shown.push({ body: card.querySelector(".body").textContent, at: Date.now() })
    new MutationObserver(changes => changes.forEach(change => change.addedNodes.forEach(note)))
      .observe(root.querySelector(".stack"), { childList: true })
  })
}

export async function open(context, user, hasClock) {
  const page = await context.newPage()
  if (hasClock) await page.clock.install()
  await page.addInitScript(watch)
  await page.goto(`${given.pages}/${user}/`)
  return page
}

export async function visitor(user, options) {
  const context = await newContext(options)
  return open(context, user)
}

export const noted = page => page.evaluate(() => window.noted)
export const bodies = async page => (await noted(page)).shown.map(one => one.body)
export const onShow = page => page.locator("notifier-toasts .stack .card[data-id] .body").allTextContents()
export const joined = page => page.locator("notifier-toasts .state", { hasText: /^$/ }).waitFor({ state: "attached" })
export const arrived = (page, body) => until(() => bodies(page), shown => shown.includes(body))
export const badge = page => page.locator("notifier-toasts .badge").evaluate(one => one.hidden ? "" : one.textContent)
export const listed = page => page.locator("notifier-toasts .list li").count()
export const press = (page, name) => page.locator("notifier-toasts").getByRole("button", { name }).first().click()
export const isLeader = page => page.evaluate(() => performance.getEntriesByType("resource").some(one => one.name.includes("/socket/")))

/** How many of the pages have shown each notice; one that showed it twice counts a hundred times. */
export async function tally(pages) {
  const counts = {}
  for (const page of pages) {
    const seen = await bodies(page)
    for (const body of new Set(seen)) {
      const times = seen.filter(one => one === body).length
      counts[body] = (counts[body] ?? 0) + (times === 1 ? 1 : 100)
    }
  }
  return counts
}

export const tallied = (pages, body) => until(() => tally(pages), counts => counts[body] === pages.length)

export const focus = page => page.evaluate(() => {
  const inner = document.activeElement?.shadowRoot?.activeElement
  const one = inner ?? document.activeElement
  if (["bell", "panel"].includes(one.className)) return one.className
  return inner ? one.getAttribute("aria-label") ?? one.textContent.replace(/\s+/g, " ") : one.localName
})

export async function violations(page) {
  await page.evaluate(AXE)
  return page.evaluate(async () => {
    const { violations } = await window.axe.run(document, { resultTypes: ["violations"] })
    return violations.map(one => `${one.id}: ${one.nodes.map(node => node.target.join(" ")).join(", ")}`)
  })
}
