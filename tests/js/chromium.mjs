// Drives Chromium through a scenario, and prints what its pages show: see `browser.mjs`.
//
// Given are, too: pages (a URL for each customer by name), and for the operator: backoffice, name, password.

import { given, play, say, signIn, visit } from "./browser.mjs"

// Every customer's page, once it says that it has joined.
async function customers() {
  const pages = {}
  for (const [name, url] of Object.entries(given.pages)) {
    pages[name] = await visit(url)
    await settled(pages[name], "joined")
  }
  return pages
}

const settled = (page, state) => page.locator("#state", { hasText: state }).waitFor()
const notices = page => page.locator("#notices li span").allTextContents()
const arrived = (page, text) => page.locator("#notices li span", { hasText: text }).first().waitFor()

async function report(step, pages, operator) {
  const shown = {}
  for (const [name, page] of Object.entries(pages)) {
    shown[name] = { state: await page.locator("#state").textContent(), notices: await notices(page) }
  }
  const outcome = operator && await operator.getByRole("status").locator("strong").textContent()
  say({ step, outcome, shown })
  if (!given.screenshots) return
  for (const [name, page] of Object.entries({ ...pages, ...(operator && { operator }) })) {
    await page.screenshot({ path: `${given.screenshots}/${step.replaceAll(" ", "-")}-${name}.png` })
  }
}

// Press a button, and wait for the page that tells the outcome: its address is another each time.
async function press(operator, button) {
  const before = operator.url()
  await button.click()
  await operator.waitForURL(url => url.href !== before)
  await operator.getByRole("status").waitFor()
}

async function send(operator, text, user) {
  await operator.goto(given.backoffice)
  await operator.getByLabel(user ? "Some users" : "Everyone").check()
  if (user) await operator.getByLabel("Users", { exact: true }).fill(user)
  await operator.getByLabel("Text", { exact: true }).fill(text)
  await operator.getByRole("button", { name: "Check and send" }).click()
  await press(operator, operator.getByRole("button", { name: "Send", exact: true }))
}

async function throwOut(operator, user) {
  await operator.goto(`${given.backoffice}/online`)
  const row = operator.getByRole("listitem").filter({ has: operator.getByText(user, { exact: true }) })
  await row.locator("summary", { hasText: "Throw out" }).click()
  await press(operator, row.getByRole("button", { name: "Throw out" }))
}

const scenarios = {
  async notices() {
    const pages = await customers()
    const { ann, bob } = pages
    const operator = await signIn({ javaScriptEnabled: false })

    await send(operator, "To <b>all</b>: šž☃")
    await Promise.all([arrived(ann, "To <b>all</b>"), arrived(bob, "To <b>all</b>")])
    await report("to all", pages, operator)

    await send(operator, "To Ann", "ann")
    await arrived(ann, "To Ann")
    await report("to one", pages, operator)

    await throwOut(operator, "ann")
    await settled(ann, "ended")
    await report("one thrown out", pages, operator)

    await send(operator, "To who is left")
    await arrived(bob, "To who is left")
    await report("to who is left", pages, operator)

    await throwOut(operator, "bob")
    await settled(bob, "ended")
    await report("both thrown out", pages, operator)

    await send(operator, "To nobody")
    await report("to nobody", pages, operator)
  },

  async joined() {
    await report("joined", await customers())
  },

  // A page of ours moves to a WebSocket, is reached over it, and says goodbye when it is closed.
  async moves() {
    const pages = await customers()
    await pages.ann.locator("#carrier", { hasText: "websocket" }).waitFor()
    const operator = await signIn({ javaScriptEnabled: false })
    await send(operator, "To all")
    await arrived(pages.ann, "To all")
    await report("to all", pages, operator)
    await pages.ann.close()
    await operator.goto(given.backoffice) // so long the browser lives on
  },

  async refused() {
    const page = await visit(given.pages.ann)
    await settled(page, "ended")
    await report("refused", { ann: page })
  },
}

await play(scenarios)
