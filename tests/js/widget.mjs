// A host page with the widget in it, as a test watches it.

import { readFileSync } from "node:fs"
import { createRequire } from "node:module"
import { given } from "./browser.mjs"

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core"), "utf8")
const PATIENCE_MS = 10_000

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
function watch() {
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

export const noted = page => page.evaluate(() => window.noted)
export const bodies = async page => (await noted(page)).shown.map(one => one.body)
export const joined = page => page.locator("notifier-toasts .state", { hasText: /^$/ }).waitFor({ state: "attached" })
export const arrived = (page, body) => until(() => bodies(page), shown => shown.includes(body))
export const press = (page, name) => page.locator("notifier-toasts").getByRole("button", { name }).first().click()

export async function violations(page) {
  await page.evaluate(AXE)
  return page.evaluate(async () => {
    const { violations } = await window.axe.run(document, { resultTypes: ["violations"] })
    return violations.map(one => `${one.id}: ${one.nodes.map(node => node.target.join(" ")).join(", ")}`)
  })
}
