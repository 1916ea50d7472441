// Drives the demo's page through bad networks, and prints what it has shown: see `browser.mjs`.
//
// Given are, too: page (its URL), control (a URL below which a POST has the test do something, such as cut the network).
// The test sends notices all the time, numbered from 1; the last of them is told by `stop`.

import { given, newContext, play, portray, say } from "./browser.mjs"

const control = async (what, body = "") => (await fetch(`${given.control}/${what}`, { method: "POST", body })).json()
const sleep = ms => new Promise(resolve => setTimeout(resolve, ms))
const carried = (page, by) => page.locator("#carrier", { hasText: by }).waitFor({ timeout: 30_000 })
const toggle = (page, name) => page.getByRole("switch", { name })

// Open the page, and note all that it shows from now on: the list itself keeps only the newest.
async function open(context) {
  const page = await context.newPage()
  page.troubles = []
  page.on("pageerror", error => page.troubles.push(String(error)))
  page.on("console", line => /Content Security Policy/.test(line.text()) && page.troubles.push(line.text()))
  page.on("request", request => { page.token = request.headers()["x-phoenix-longpoll-token"] ?? page.token })
  await page.goto(given.page)
  await page.evaluate(() => {
    globalThis.shown = []
    globalThis.carriers = []
    const note = (id, list, read) => {
      const observer = new MutationObserver(records => records.forEach(({ addedNodes }) => list.push(...[...addedNodes].map(read))))
      observer.observe(document.getElementById(id), { childList: true })
    }
    note("notices", globalThis.shown, row => Number(row.querySelector(".text").textContent))
    note("moves", globalThis.carriers, row => row.querySelector("span").textContent)
  })
  return page
}

async function opened(options) {
  const page = await open(await newContext(options))
  await page.locator("#moves", { hasText: "Joined" }).waitFor()
  return page
}

// A browser without a screen never hides a page: this says what one with a screen would.
const hide = (page, isHidden) => page.evaluate(isHidden => {
  for (const [name, value] of [["hidden", isHidden], ["visibilityState", isHidden ? "hidden" : "visible"]]) {
    Object.defineProperty(document, name, { configurable: true, get: () => value })
  }
  document.dispatchEvent(new Event("visibilitychange", { bubbles: true }))
}, isHidden)

// Let nothing of the page run; gives what wakes it.
async function freeze(page) {
  const devtools = await page.context().newCDPSession(page)
  await devtools.send("Page.setWebLifecycleState", { state: "frozen" })
  return () => devtools.send("Page.setWebLifecycleState", { state: "active" })
}

// Not by waitForFunction, which the page's policy forbids.
async function arrived(page, number) {
  for (const until = Date.now() + 20_000; Date.now() < until; await sleep(50)) {
    if (await page.evaluate(number => shown.includes(number), number)) return
  }
  throw new Error(`${number} has not arrived: ${await page.evaluate(() => JSON.stringify([shown, carriers]))}`)
}

// Have the test send no more, wait until the page has shown the last one, and tell all.
async function report(step, page, more = {}) {
  const { last } = await control("stop")
  await arrived(page, last)
  await sleep(300) // for what would come twice
  const [shown, moves] = await page.evaluate(() => [globalThis.shown, globalThis.carriers])
  say({ step, shown, moves, last, troubles: page.troubles, ...more })
}

const scenarios = {
  // The page's own switch: WebSocket is blocked midway, and let through again.
  async blocked() {
    const page = await opened({ viewport: { width: 1280, height: 800 } })
    await carried(page, "WebSocket")
    await control("start")
    await toggle(page, "Send one a second").check()
    await sleep(1_500)
    if (given.screenshots) await portray(page, "before")
    // By keyboard, and as a screen reader names it.
    await toggle(page, "Block WebSocket").focus()
    await page.keyboard.press("Space")
    await carried(page, "Long-polling")
    await sleep(3_000) // more than one try of the client's
    if (given.screenshots) await portray(page, "blocked")
    await page.keyboard.press("Space")
    await carried(page, "WebSocket")
    await sleep(1_000)
    if (given.screenshots) await portray(page, "after")
    await toggle(page, "Send one a second").uncheck()
    await page.locator("#moves", { hasText: "One message a second ends" }).waitFor()
    const count = async id => Number(await page.locator(id).textContent())
    const tally = [await count("#received"), await count("#missed"), await count("#doubled")]
    await report("done", page, { tally })
  },

  // The page's own switch: nothing gets through for a while.
  async "cut by hand"() {
    const page = await opened()
    await carried(page, "WebSocket")
    await control("start")
    await toggle(page, "Cut the network").check()
    await carried(page, "No connection")
    await sleep(1_000)
    await toggle(page, "Cut the network").uncheck()
    await carried(page, "WebSocket")
    await report("done", page)
  },

  // Connections are cut, and new ones fail, for as long as it takes.
  async cut() {
    const page = await opened()
    await carried(page, "WebSocket")
    await control("start")
    await control("cut")
    await carried(page, "No connection")
    await sleep(given.cut_ms)
    await control("restore")
    await carried(page, "WebSocket")
    await report("done", page)
  },

  // The tab is not in front, and its browser lets it sleep; its connections are cut meanwhile.
  async hidden() {
    const page = await opened()
    await carried(page, "WebSocket")
    await control("start")
    await hide(page, true)
    const wake = await freeze(page)
    await control("cut")
    await sleep(1_500)
    await control("restore")
    await wake()
    await hide(page, false)
    await carried(page, "WebSocket")
    await report("done", page)
  },

  // The lid is closed: the page does not run, and nothing gets through, for longer than the server keeps its session.
  async lid() {
    const page = await opened()
    await carried(page, "WebSocket")
    await control("start")
    if (given.is_hidden) await hide(page, true)
    const wake = await freeze(page)
    await control("cut")
    const { sessions } = await control("wait until the session is gone")
    await control("restore")
    await wake()
    if (given.is_hidden) await sleep(1_500) // it may find out before it is in front again
    if (given.is_hidden) await hide(page, false)
    await page.locator("#moves", { hasText: "Joined again" }).waitFor()
    await carried(page, "WebSocket")
    await report("done", page, { sessions })
  },

  // Two tabs of one user; one is closed midway.
  async "two tabs"() {
    const context = await newContext()
    const [one, other] = [await open(context), await open(context)]
    await Promise.all([carried(one, "WebSocket"), carried(other, "WebSocket")])
    const { sessions } = await control("start")
    await sleep(500)
    await toggle(other, "Block WebSocket").check() // of the one tab only
    await carried(other, "Long-polling")
    const { last } = await control("now")
    await arrived(other, last)
    say({ step: "other", shown: await other.evaluate(() => shown), last, troubles: other.troubles })
    await other.close()
    await report("one", one, { sessions })
  },

  // Somebody polls with the page's session token, too, and goes on from each answer to the next.
  async "beside curl"() {
    const page = await opened()
    await carried(page, given.carrier)
    await control("start")
    const { curl } = await control("curl", page.token)
    await carried(page, given.carrier)
    await report("done", page, { curl })
  },
}

await play(scenarios)
