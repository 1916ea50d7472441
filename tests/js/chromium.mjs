// Drives Chromium through a scenario, and prints what its pages show: see `browser.mjs`.
//
// Given are, too: pages (a URL for each customer by name), and for the operator: backoffice, name, password.

import { given, play, portray, say, visit } from "./browser.mjs"

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

async function signIn() {
  const operator = await visit(given.backoffice, { javaScriptEnabled: false })
  await operator.getByLabel("Name").fill(given.name)
  await operator.getByLabel("Password").fill(given.password)
  await operator.getByRole("button", { name: "Sign in" }).click()
  await operator.getByRole("heading", { name: "Send a message" }).waitFor()
  return operator
}

// Press a button, and wait for the page that tells the outcome: its address is another each time.
async function press(operator, name) {
  const before = operator.url()
  await operator.getByRole("button", { name, exact: true }).click()
  await operator.waitForURL(url => url.href !== before)
  await operator.getByRole("status").waitFor()
}

async function send(operator, text, user) {
  await operator.getByLabel(user ? "One user" : "Everyone").check()
  if (user) await operator.locator("#user").fill(user)
  await operator.getByRole("textbox", { name: "Message" }).fill(text)
  await press(operator, "Send")
}

async function throwOut(operator, user) {
  await operator.locator("#out").fill(user)
  await press(operator, "Throw out")
}

const scenarios = {
  async notices() {
    const pages = await customers()
    const { ann, bob } = pages
    const operator = await signIn()

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

  async online() {
    const pages = await customers()
    const operator = await signIn()
    const look = async step => {
      const rows = await operator.locator(".user").allInnerTexts()
      const sent = await operator.locator(".sent").allInnerTexts()
      const to = await operator.locator("#user").inputValue()
      const text = await operator.getByRole("textbox", { name: "Message" }).inputValue()
      say({ step, rows, sent, to, text })
      await portray(operator, step)
    }
    await look("before")

    await operator.getByRole("textbox", { name: "Message" }).fill("To whom I choose\nbelow")
    await operator.getByRole("button", { name: "Write to ann" }).click()
    await operator.waitForURL(url => url.hash === "#text")
    await look("chosen")

    await press(operator, "Send")
    await arrived(pages.ann, "To whom I choose")
    await look("sent")

    await operator.getByRole("textbox", { name: "Message" }).fill("half a mess")
    await press(operator, "Throw out bob")
    await settled(pages.bob, "ended")
    await look("thrown out")

    await press(operator, "Throw out ann")
    await settled(pages.ann, "ended")
    await look("nobody left")
  },

  async joined() {
    await report("joined", await customers())
  },

  // A page of ours moves to a WebSocket, is reached over it, and says goodbye when it is closed.
  async moves() {
    const pages = await customers()
    await pages.ann.locator("#carrier", { hasText: "websocket" }).waitFor()
    const operator = await signIn()
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
