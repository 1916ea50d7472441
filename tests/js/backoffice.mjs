// Drives Chromium through the back office, and prints what it shows: see `browser.mjs`.
//
// Given are, too: backoffice, name, password.

import { EventEmitter, on } from "node:events"
import { readFileSync } from "node:fs"
import { createRequire } from "node:module"
import { given, play, portray, say, signIn } from "./browser.mjs"

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core"), "utf8")

// What axe-core finds wrong with a page, by its rules' names.
async function violations(page) {
  await page.evaluate(AXE)
  return page.evaluate(async () => (await globalThis.axe.run()).violations.map(one => `${one.id}: ${one.nodes[0].html}`))
}

const focused = page => page.evaluate(() => {
  const { tagName, name, value } = document.activeElement
  return (tagName === "BUTTON" ? value : name) || tagName
})
const outcome = page => page.locator(".told strong").textContent()
const chips = page => page.locator(".chips bdi").allTextContents()
const options = page => page.getByRole("option").locator("bdi:first-child").allTextContents()
const text = page => page.getByLabel("Text", { exact: true })
const question = page => page.getByRole("heading", { name: "Send this notice?" }).waitFor()

async function tabTo(page, name) {
  for (let presses = 0; presses < 30; presses++) {
    if (await focused(page) === name) return
    await page.keyboard.press("Tab")
  }
  throw new Error(`the Tab key does not lead to ${name}`)
}

const scenarios = {
  async keyboard() {
    const page = await signIn()
    await tabTo(page, "to")
    await page.keyboard.press("ArrowRight")
    await page.keyboard.press("Tab")
    await page.keyboard.type("an")
    await page.getByRole("option").first().waitFor()
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("Enter")
    await page.keyboard.type("bob,")
    await tabTo(page, "level")
    await page.keyboard.press("ArrowRight")
    await tabTo(page, "title")
    await page.keyboard.type("Parcels")
    await tabTo(page, "text")
    await page.keyboard.type("one")
    await page.keyboard.press("Enter")
    await page.keyboard.type("two")
    await page.keyboard.press("Control+Enter")
    await question(page)
    const at = await focused(page)
    await page.keyboard.press("Enter") // held too long, it sends nothing
    await tabTo(page, "send")
    await page.keyboard.press("Enter")
    await page.waitForURL(/done=/)
    say({ step: "sent", at, outcome: await outcome(page), path: new URL(page.url()).pathname })
  },

  async plain() {
    const page = await signIn({ javaScriptEnabled: false })
    await page.getByLabel("Some users").check()
    await page.getByLabel("Users", { exact: true }).fill("ann\nbob")
    await page.getByLabel("Title").press("Enter") // asks, and sends nothing
    const error = await page.locator("#text-error").textContent()
    await text(page).fill("Hello")
    await page.getByRole("button", { name: "Check and send" }).click()
    await question(page)
    await page.getByRole("button", { name: "Change it" }).click()
    const typed = await page.getByLabel("Users", { exact: true }).inputValue()
    await page.getByRole("button", { name: "Check and send" }).click()
    await page.getByRole("button", { name: "Send", exact: true }).click()
    await page.waitForURL(/done=/)
    say({ step: "sent", error: error.trim(), typed, outcome: await outcome(page) })
  },

  async users() {
    const page = await signIn()
    await page.getByLabel("Some users").check()
    const find = page.getByRole("combobox", { name: "Users" })
    await find.fill("a")
    await page.getByRole("option").first().waitFor()
    say({ step: "found", options: await options(page), violations: await violations(page) })
    await portray(page, "found")
    await page.getByRole("option", { name: "anna" }).click()
    await find.fill("nobody at all")
    await page.getByText("Nobody is found by that.").first().waitFor()
    await find.press("Enter")
    await find.evaluate(input => {
      const clipboardData = new DataTransfer()
      clipboardData.setData("text", "one\r\ntwo, too\r\n\r\none")
      input.dispatchEvent(new ClipboardEvent("paste", { clipboardData, bubbles: true, cancelable: true }))
    })
    say({ step: "added", chips: await chips(page) })
    await find.press("Backspace")
    await page.getByRole("button", { name: "Remove anna" }).click()
    say({ step: "removed", chips: await chips(page), at: await focused(page) })
    await find.press("Shift+Tab")
    await page.keyboard.press("ArrowLeft")
    await page.keyboard.press("Delete")
    say({ step: "dropped", chips: await chips(page) })
    await text(page).fill("x".repeat(3_990))
    const left = await page.getByText("Characters left").first().textContent()
    await page.keyboard.press("Control+Enter")
    await question(page)
    say({ step: "asked", left, violations: await violations(page), preview: await page.locator("#preview").innerText() })
    await portray(page, "asked")
  },

  async online() {
    const page = await signIn()
    const server = new EventEmitter(), asked = on(server, "asked")
    await page.route("**/online/rows", route => server.emit("asked", route))
    const row = id => `<li><a href="/backoffice?to=${id}">Write ${id}</a></li>`
    const show = async (...ids) => {
      const { value: [route] } = await asked.next()
      await route.fulfill({ contentType: "text/html", body: `<p>${ids.length} users</p><ul>${ids.map(row).join("")}</ul>` })
      await page.getByText(`${ids.length} users`).waitFor()
    }
    const at = () => page.evaluate(() => `${document.activeElement.tagName} ${document.activeElement.textContent}`)
    await page.goto(`${given.backoffice}/online`)
    await show("ann", "bob", "eve")
    await page.getByText("Write bob").focus()
    await show("joe", "ann", "bob", "eve")
    say({ step: "stays", at: await at() })
    await show("ann", "eve")
    say({ step: "gone", at: await at() })
    await show()
    say({ step: "empty", at: await at() })
  },

  async narrow() {
    const page = await signIn({ viewport: { width: 390, height: 800 } })
    await page.goto(`${given.backoffice}?to=ann`)
    await text(page).fill("Hello")
    await text(page).press("Control+Enter")
    await question(page)
    await page.getByRole("button", { name: "Send", exact: true }).click()
    await page.waitForURL(/done=/)
    await page.locator("summary", { hasText: "Withdraw" }).click()
    const { x, width } = await page.locator("details[open] > div").boundingBox()
    say({ step: "asked", is_all_seen: x >= 0 && x + width <= 390, violations: await violations(page) })
    await portray(page, "withdraw")
  },

  async draft() {
    const page = await signIn()
    const look = async step => say({ step, text: await text(page).inputValue(), chips: await chips(page) })
    await page.getByLabel("Some users").check()
    await page.getByRole("combobox", { name: "Users" }).fill("ann")
    await page.keyboard.press("Enter")
    await text(page).fill("half a mess")
    await page.reload()
    await look("reloaded")
    await page.goto(`${given.backoffice}?to=bob`)
    await look("linked")
    await page.goto(`${given.backoffice}/online`)
    await page.goto(given.backoffice)
    await look("back")
    await page.keyboard.press("Control+Enter")
    await text(page).press("Control+Enter")
    await question(page)
    await page.route("**/backoffice", route => route.abort())
    await page.getByRole("button", { name: "Send", exact: true }).click()
    await page.unroute("**/backoffice")
    await page.waitForURL("chrome-error://**")
    await page.goto(given.backoffice)
    await look("not sent")
    await text(page).press("Control+Enter")
    await question(page)
    await page.getByRole("button", { name: "Send", exact: true }).click()
    await page.waitForURL(/done=/)
    await page.goto(given.backoffice)
    await look("sent")
  },
}

await play(scenarios)
