// Drives the back office and the pages of its customers through a working day: see `browser.mjs`.
//
// Given are, too: backoffice (its address), admin and password, pages (the origin that serves `/USER/`).

import { given, newContext, play, portray, say, visit } from "./browser.mjs"
import { arrived, bodies, joined, noted, open, press, until, violations } from "./hostpage.mjs"

const PASSWORD = "a phrase for olga"

async function signIn(name, password, options) {
  const page = await visit(given.backoffice, { locale: "en", ...options })
  page.on("pageerror", error => say({ step: "error", error: error.message }))
  await page.getByLabel("Name").fill(name)
  await page.getByLabel("Password").fill(password)
  await page.getByRole("button", { name: "Sign in" }).click()
  await page.getByRole("heading", { name: "Write a notice" }).waitFor()
  return page
}

const go = (page, name) => page.getByRole("navigation").getByRole("link", { name, exact: true }).click()
const told = page => page.getByRole("status").first().locator("strong").textContent()
const figures = async page => Object.fromEntries(
  await Promise.all(["reached", "delivered", "read"].map(async id => [id, await page.locator(`#${id}`).textContent()])),
)

/** Write a notice and send it; tell what the question said, and when it went to the server. */
async function write(page, { to, text, title = "" }) {
  await go(page, "Write")
  if (to) {
    await page.getByLabel("Some users").check()
    await page.getByRole("combobox", { name: "Users" }).fill(to.slice(0, 2))
    await page.getByRole("option", { name: to }).click()
  } else {
    await page.getByLabel("Everyone").check()
  }
  await page.getByLabel("Title").fill(title)
  await page.getByLabel("Text").fill(text)
  await page.getByRole("button", { name: "Check and send" }).click()
  await page.getByRole("heading", { name: "Send this notice?" }).waitFor()
  const reaches = await page.locator("#reaches").textContent()
  const posted = page.waitForRequest(request => request.method() === "POST").then(() => Date.now())
  await page.getByRole("button", { name: "Send", exact: true }).click()
  await page.waitForURL(/\/sent\//)
  return { reaches, at: await posted, outcome: await told(page) }
}

async function sure(page, words, about) {
  const row = page.getByRole("listitem").filter({ hasText: about })
  await row.locator("summary", { hasText: words }).click()
  await row.getByRole("button", { name: words }).click()
  await page.getByRole("status").first().waitFor()
}

const lateness = async (page, body, at) => (await noted(page)).shown.find(one => one.body === body).at - at

const scenarios = {
  async day() {
    const admin = await signIn(given.admin, given.password)
    await go(admin, "Operators")
    await admin.getByLabel("Name").fill("olga")
    await admin.getByLabel("Password").fill(PASSWORD)
    await admin.getByRole("button", { name: "Add", exact: true }).click()
    say({ step: "made", outcome: await told(admin) })

    const olga = await signIn("olga", PASSWORD)
    say({ step: "menu", entries: await olga.getByRole("navigation").getByRole("link").allTextContents() })

    const ann = await open(await newContext(), "ann")
    const shut = await newContext()
    await shut.addInitScript(() => { delete window.WebSocket })
    const bob = await open(shut, "bob")
    const away = await newContext()
    const carl = await open(away, "carl")
    await Promise.all([ann, bob, carl].map(joined))
    await carl.close()

    await go(olga, "Online")
    const carriers = () => olga.locator(".rows li").allTextContents()
    const rows = await until(carriers, rows => rows.length === 2 && rows.some(row => row.includes("WebSocket")))
    say({ step: "online", rows: rows.map(row => row.replace(/\s+/g, " ").trim()) })

    const one = await write(olga, { to: "ann", text: "To Ann", title: "For you" })
    await arrived(ann, "To Ann")
    say({ step: "to one", ...one, late: await lateness(ann, "To Ann", one.at) })
    const all = await write(olga, { text: "To <b>everyone</b>: šž☃" })
    await Promise.all([ann, bob].map(page => arrived(page, "To <b>everyone</b>: šž☃")))
    const late = await Promise.all([ann, bob].map(page => lateness(page, "To <b>everyone</b>: šž☃", all.at)))
    say({ step: "to all", ...all, late: Math.max(...late), figures: await figures(olga) })

    const back = await open(away, "carl")
    await arrived(back, "To <b>everyone</b>: šž☃")
    say({ step: "shown", ann: await bodies(ann), bob: await bodies(bob), carl: await bodies(back) })
    const delivered = await until(() => figures(olga), now => now.delivered === "1")
    await press(ann, "Dismiss")
    await press(ann, "Dismiss")
    const once = await until(() => figures(olga), now => now.read === "1")
    await press(bob, "Notices")
    const twice = await until(() => figures(olga), now => now.read === "2")
    say({ step: "read", delivered, once, twice })

    await go(olga, "Online")
    await sure(olga, "Throw out", "ann")
    const outcome = await told(olga)
    const refused = await until(async () => (await noted(ann)).refused, refused => refused.length > 0)
    const words = await ann.locator("notifier-toasts").getByRole("alert").first().textContent()
    say({ step: "thrown out", outcome, refused, words })

    await go(admin, "Online")
    await sure(admin, "Keep out", "bob")
    await until(async () => (await noted(bob)).refused, refused => refused.length > 0)
    await bob.reload()
    const again = await until(async () => (await noted(bob)).refused, refused => refused.length > 0)
    say({ step: "kept out", refused: again })

    await go(admin, "Audit trail")
    say({ step: "audit", rows: (await admin.locator(".rows li").allTextContents()).map(row => row.replace(/\s+/g, " ").trim()) })
  },

  /** Every page: what axe-core says, how much goes over the wire, and how it looks. */
  async pages() {
    await Promise.all(["ann", "bob"].map(async user => joined(await open(await newContext(), user))))
    const context = await newContext({ locale: given.locale })
    const page = await context.newPage()
    const client = await context.newCDPSession(page)
    let bytes = 0
    await client.send("Network.enable")
    await client.send("Network.setCacheDisabled", { cacheDisabled: true })
    client.on("Network.loadingFinished", event => { bytes += event.encodedDataLength })
    for (const [step, path] of Object.entries(given.paths)) {
      await page.goto("about:blank") // what the page before was loading still is not counted
      bytes = 0
      if (path === "confirm") {
        await page.goto(`${given.backoffice}?again=${given.notice}`)
        await page.locator("notifier-card").waitFor()
        bytes = 0
        await page.locator("[name=act]").click()
        await page.locator("#reaches").waitFor()
      } else {
        await page.goto(given.backoffice + path)
      }
      if (await page.locator("#preview").count()) await page.locator("#preview").locator("notifier-card, .hint").first().waitFor()
      const found = await violations(page)
      if (given.screenshots) await portray(page, step)
      say({ step, bytes, violations: found, lang: await page.locator("html").getAttribute("lang") })
      if (path === "/sign-in") {
        await page.locator("#name").fill(given.admin)
        await page.locator("#password").fill(given.password)
        await page.locator("#password").press("Enter")
        await page.waitForURL(given.backoffice)
      }
    }
  },
}

await play(scenarios)
