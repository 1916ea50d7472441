// Drives host pages with the widget in them through a scenario: see `browser.mjs` and `hostpage.mjs`.

import { given, newContext, play, portray, say } from "./browser.mjs"
import {
  api, arrived, badge, bodies, focus, health, isLeader, joined, listed, noted, onShow, open, press, send,
  sessions, tallied, tally, until, violations, visitor, watch,
} from "./hostpage.mjs"

const LEVELS = [
  ["Your parcel has left", "Walking boots, size 42, should be with you tomorrow between 9 and 12.",
    { level: "info", link: "https://shop.example/orders/7" }],
  ["Payment received", "Thank you! The invoice is in your account.", { level: "success" }],
  ["Your card expires soon", "The card ending in 4242 expires at the end of the month.\n" +
    "Renew it before then, so that your standing orders go on without a break. We shall remind you once more a week " +
    "before, and hold back what cannot be paid until you have told us of another way to pay for it. ".repeat(3), { level: "warning" }],
  ["Order on hold", "We could not reach you at the address given.", { level: "urgent", link: "https://shop.example/help" }],
]

const scenarios = {
  async shows() {
    const pages = { ann: await visitor("ann"), bob: null }
    const shut = await newContext()
    await shut.addInitScript(() => { delete window.WebSocket })
    pages.bob = await open(shut, "bob")
    await send("carl", "To carl")
    await Promise.all(Object.values(pages).map(joined))
    await until(health, ({ sessions }) => sessions.websocket === 1)
    const sentAt = {}
    for (const [to, body] of [["ann", "To ann"], ["bob", "To bob"], ["all", "To all"]]) {
      sentAt[body] = Date.now()
      await send(to, body)
      await Promise.all(Object.entries(pages).map(([user, page]) => to === "all" || to === user ? arrived(page, body) : null))
    }
    for (const [user, page] of Object.entries(pages)) {
      const { shown, told, violations } = await noted(page)
      const late = shown.map(one => one.at - sentAt[one.body])
      const websockets = await page.evaluate(() => "WebSocket" in window)
      say({ step: user, shown: shown.map(one => one.body), told, late, violations, websockets })
    }
    await shut.setOffline(true)
    const state = pages.bob.locator("notifier-toasts .state")
    await state.filter({ hasText: /./ }).waitFor({ state: "attached" })
    const offline = await state.textContent()
    await send("bob", "Meanwhile")
    await shut.setOffline(false)
    await arrived(pages.bob, "Meanwhile")
    await joined(pages.bob)
    say({ step: "bob, who was cut off", offline, shown: (await bodies(pages.bob)).slice(2) })
    const carl = await visitor("carl")
    await arrived(carl, "To carl")
    say({ step: "carl, who was away", shown: await bodies(carl) })
  },

  async tabs() {
    const context = await newContext()
    let pages = []
    for (let tab = 0; tab < 10; tab++) pages.push(await open(context, "ann"))
    await Promise.all(pages.map(joined))
    const leaders = async () => (await Promise.all(pages.map(isLeader))).filter(Boolean).length
    const sent = [await send("ann", "One", { level: "urgent" }), await send("ann", "Two", { level: "urgent" })]
    await tallied(pages, "Two")
    say({ step: "ten", sessions: await sessions(), leaders: await leaders(), shown: await tally(pages) })

    const leave = async (end, body) => {
      for (const page of pages) if (await isLeader(page)) {
        await end(page)
        pages = pages.filter(one => one !== page)
        break
      }
      sent.push(await send("ann", body, { level: "urgent" }))
    }
    const closed = async page => page.close()
    await leave(closed, "Three")
    const three = await tallied(pages, "Three")
    say({ step: "closed", sessions: await until(sessions, count => count === 1), shown: three })

    await leave(async page => {
      const devtools = await context.newCDPSession(page)
      devtools.send("Page.crash").catch(() => {})
      await page.waitForEvent("crash")
    }, "Four")
    // Only three are on show: the fourth is, once one of them was dismissed in any tab.
    const told = await until(
      async () => (await Promise.all(pages.map(noted))).map(one => one.told),
      all => all.every(one => one.includes("Four")),
    )
    await press(pages[3], "Dismiss")
    await tallied(pages, "Four")
    const crashed = await tally(pages)
    if (told.some(one => one.filter(body => body === "Four").length !== 1)) throw new Error("Four was told twice")
    say({ step: "crashed", sessions: await until(sessions, count => count === 1), shown: crashed })

    for (let rest = 0; rest < 3; rest++) await press(pages[rest], "Dismiss")
    const left = await until(async () => (await Promise.all(pages.map(onShow))).flat(), all => !all.length)
    const badges = await until(async () => [...new Set(await Promise.all(pages.map(badge)))], all => all.join() === "")
    const read = () => Promise.all(sent.map(async ({ id }) => (await api("GET", `/notices/${id}`)).read))
    say({ step: "dismissed", left, badges, read: await until(read, counts => counts.every(Boolean)) })

    const another = await open(context, "ann")
    await joined(another)
    say({ step: "opened", shown: await bodies(another), kept: await until(() => listed(another), count => count === 4) })
  },

  async alone() {
    const context = await newContext()
    await context.addInitScript(() => { delete Navigator.prototype.locks })
    const pages = [await open(context, "ann"), await open(context, "ann")]
    await Promise.all(pages.map(joined))
    await until(sessions, count => count === 2)
    await send("ann", "One", { level: "urgent" })
    const shown = await tallied(pages, "One")
    say({ step: "two", sessions: await sessions(), shown })
    await press(pages[0], "Dismiss")
    say({ step: "dismissed", left: await until(async () => (await Promise.all(pages.map(onShow))).flat(), all => !all.length) })
  },

  // A frame in a sandbox: no locks, no storage, no channel to other pages of its origin.
  async apart() {
    const page = await (await newContext()).newPage()
    await page.goto(`${given.pages}/ann/page.css`)
    await page.addInitScript(watch)
    await page.addInitScript(() => {
      const { request } = LockManager.prototype
      window.requests = 0
      LockManager.prototype.request = function (...args) {
        return ++window.requests > 100 ? new Promise(() => {}) : request.apply(this, args)
      }
    })
    await page.setContent(`<iframe sandbox="allow-scripts" src="${given.pages}/ann/"></iframe>`)
    const frame = page.frames()[1]
    await until(sessions, Boolean)
    await send("ann", "One")
    await arrived(frame, "One")
    const requests = await frame.evaluate(() => window.requests)
    say({ step: "apart", shown: await bodies(frame), requests, errors: (await noted(frame)).errors })
  },

  // A page without the widget stands for a tab that hangs: it has the lock, and says nothing.
  async hangs() {
    const context = await newContext()
    const first = await open(context, "ann")
    await joined(first)
    const name = await first.evaluate(async () => (await navigator.locks.query()).held[0].name)
    const silent = await context.newPage()
    await silent.goto(`${given.pages}/ann/page.css`)
    await silent.evaluate(name => { navigator.locks.request(name, () => new Promise(() => {})) }, name)
    const page = await open(context, "ann", true)
    await joined(page)
    await first.close()
    await until(sessions, count => count === 0)
    await send("ann", "One", { level: "urgent" })
    let seconds = 0
    while (seconds < 60 && !await sessions()) {
      await page.clock.fastForward(1_000)
      await until(sessions, Boolean, 50)
      seconds++
    }
    await arrived(page, "One")
    say({ step: "taken", seconds, shown: await bodies(page), sessions: await sessions() })

    await silent.evaluate(name => navigator.locks.request(name, { steal: true }, () => {}), name)
    await send("ann", "Two", { level: "urgent" })
    await arrived(page, "Two")
    say({ step: "taken back", shown: await bodies(page), sessions: await until(sessions, count => count === 1) })
  },

  async reload() {
    const page = await open(await newContext(), "ann", true)
    await joined(page)
    await send("ann", "Dismissed")
    await arrived(page, "Dismissed")
    await press(page, "Dismiss")
    await page.mouse.move(0, 0) // the clocks stand while it is over a toast
    await send("ann", "Stays", { level: "urgent" })
    const { id } = await send("ann", "Runs out")
    await arrived(page, "Runs out")
    const look = async step => say({
      step, shown: await onShow(page), unread: Number(await badge(page)), listed: await listed(page),
      ...(step === "after" && { told: (await noted(page)).told }),
    })
    await look("before")
    await page.clock.fastForward(8_000)
    await until(() => onShow(page), shown => shown.length === 1)
    await page.reload()
    await arrived(page, "Stays")
    await joined(page)
    await look("after")
    await press(page, "Notices")
    const read = await until(async () => (await api("GET", `/notices/${id}`)).read, count => count === 1)
    const marked = await page.locator("notifier-toasts li.unread").count()
    say({ step: "opened", shown: await onShow(page), unread: Number(await badge(page)), marked, read })
  },

  async hostile() {
    const page = await visitor("ann")
    await joined(page)
    const evil = `"><img src=x onerror="window.ran = true"><script>window.ran = true</script>`
    await send("ann", evil, { title: evil, level: "urgent", link: `https://shop.example/"><script>window.ran=true</script>` })
    for (const link of ["javascript:window.ran=true", evil]) {
      const payload = { body: evil, title: evil, level: evil, link, at: evil, from: evil, expires_at: `z${evil}` }
      await api("POST", "/publish", { topic: "user:ann", event: "new_msg", payload })
    }
    await until(() => onShow(page), shown => shown.length === 3)
    await press(page, "Notices")
    const found = await page.evaluate(() => {
      const root = document.querySelector("notifier-toasts").shadowRoot
      const links = [...root.querySelectorAll("a")].map(one => one.href)
      return {
        ran: "ran" in window, strange: root.querySelectorAll("img, script, style, iframe").length, cards: root.querySelectorAll("li").length,
        links: links.filter(one => !one.startsWith("https://shop.example/")),
      }
    })
    say({ step: "hostile", ...found, errors: (await noted(page)).errors })
  },

  // A preview shows what a page would, and does nothing.
  async card() {
    const page = await visitor("ann")
    await joined(page)
    const seen = await page.evaluate(() => {
      const one = document.createElement("notifier-card")
      one.notice = { title: "<b>Title</b>", body: "Text\nbelow", level: "urgent", link: "https://shop.example/" }
      document.querySelector("main").append(one)
      const text = () => one.shadowRoot.querySelector(".content").innerText.split(/\n+/)
      const first = text()
      one.notice = { body: "Later", link: "javascript:alert(1)" }
      const second = text()
      one.notice = {}
      return { first, second, none: one.shadowRoot.childElementCount }
    })
    await page.evaluate(() => { document.querySelector("notifier-card").notice = { body: "b", link: "https://shop.example/" } })
    await page.locator("notifier-card").evaluate(one => one.shadowRoot.querySelector("a").focus())
    say({ step: "card", ...seen, focus: await focus(page), violations: await violations(page) })
  },

  async users() {
    const context = await newContext()
    const pages = { ann: await open(context, "ann"), bob: await open(context, "bob") }
    for (const page of Object.values(pages)) await joined(page)
    for (const user of ["ann", "bob"]) await send(user, `To ${user}`, { level: "urgent" })
    for (const [user, page] of Object.entries(pages)) await arrived(page, `To ${user}`)
    const { id } = await send("all", "To all", { level: "urgent", title: "All" })
    const read = async () => (await api("GET", `/notices/${id}`)).read
    const counts = [await read()]
    for (const page of Object.values(pages)) {
      await arrived(page, "To all")
      await press(page, "Dismiss: All")
      counts.push(await until(read, count => count === counts.length))
    }
    say({ step: "two", read: counts, ann: await bodies(pages.ann), bob: await bodies(pages.bob), sessions: await sessions() })
    const stored = () => pages.bob.evaluate(() => Object.values(localStorage).join())
    const before = (await stored()).includes("To ann")
    const other = await open(context, "ann")
    await joined(other)
    await arrived(other, "To ann")
    await pages.ann.locator("notifier-toasts").evaluate(one => one.forget())
    await until(() => onShow(other), shown => !shown.length)
    const left = await stored()
    say({
      step: "forgotten", before, ann: left.includes("To ann"), bob: left.includes("To bob"),
      shown: (await Promise.all([pages.ann, other].map(onShow))).flat(), sessions: await until(sessions, count => count === 1),
      state: await pages.ann.locator("notifier-toasts .state").textContent(),
    })
  },

  // What a page says of all its text.
  async surrounded() {
    const page = await visitor("ann")
    await joined(page)
    await send("ann", "One", { level: "urgent" })
    await arrived(page, "One")
    const found = await page.evaluate(() => {
      const text = document.querySelector("notifier-toasts").shadowRoot.querySelector(".stack .body")
      const look = () => JSON.stringify(Object.fromEntries([...getComputedStyle(text)].map(name => [name, getComputedStyle(text)[name]])))
      const before = look()
      document.body.style.cssText = "text-indent: 3em; word-spacing: 1em; text-shadow: 2px 2px red; font: italic small-caps 3em/3 serif; " +
        "letter-spacing: 5px; text-align: center; text-transform: uppercase; word-break: break-all; white-space: pre; user-select: none"
      return { same: look() === before, page: getComputedStyle(document.querySelector("main")).textIndent }
    })
    say({ step: "surrounded", ...found })
  },

  // A page whose user has signed out, as a framework has it that follows what it knows.
  async left() {
    const page = await visitor("ann")
    await joined(page)
    await send("ann", "To ann", { level: "urgent" })
    await arrived(page, "To ann")
    await page.locator("notifier-toasts").evaluate(one => one.removeAttribute("token"))
    const shown = await until(() => onShow(page), shown => !shown.length)
    say({ step: "left", shown, listed: await listed(page), unread: await badge(page), sessions: await until(sessions, count => !count) })
  },

  // The first token says ann, and each one after it bob.
  async another() {
    const page = await visitor("ann")
    await joined(page)
    const bob = await visitor("bob")
    const token = await bob.locator("notifier-toasts").getAttribute("token")
    await bob.close()
    for (const user of ["ann", "bob"]) await send(user, `To ${user}`, { level: "urgent" })
    await page.locator("notifier-toasts").evaluate((one, token) => {
      const tokens = [one.getAttribute("token")]
      one.token = () => tokens.shift() ?? token
    }, token)
    await arrived(page, "To bob")
    say({ step: "another", shown: await until(() => onShow(page), shown => shown.length === 1) })
  },

  // phoenix.js does not come back in a page that nobody looks at; the clocks of its toasts stand.
  async hidden() {
    const page = await open(await newContext(), "ann", true)
    await joined(page)
    const look = isHidden => page.evaluate(isHidden => {
      Object.defineProperty(document, "hidden", { value: isHidden, configurable: true })
      Object.defineProperty(document, "visibilityState", { value: isHidden ? "hidden" : "visible", configurable: true })
      document.dispatchEvent(new Event("visibilitychange"))
    }, isHidden)
    await look(true)
    await api("POST", "/users/ann/disconnect")
    await send("ann", "Meanwhile")
    await until(sessions, count => count === 0)
    await until(async () => {
      await page.clock.fastForward(1_000)
      return sessions()
    }, Boolean)
    await arrived(page, "Meanwhile")
    await page.clock.fastForward(60_000)
    say({ step: "hidden", shown: await onShow(page) })
    await look(false)
    await page.clock.fastForward(8_000)
    say({ step: "looked at", shown: await until(() => onShow(page), shown => !shown.length), unread: await badge(page) })
  },

  async goes() {
    const page = await visitor("ann")
    await joined(page)
    await send("ann", "Expires", { level: "urgent", expires_at: new Date(Date.now() + 5_000).toISOString() })
    const { id } = await send("ann", "Withdrawn", { level: "urgent" })
    await send("ann", "Stays", { level: "urgent" })
    await arrived(page, "Stays")
    say({ step: "before", shown: await onShow(page), listed: await listed(page) })
    await api("POST", `/notices/${id}/withdraw`)
    await until(() => onShow(page), shown => shown.length === 1)
    say({ step: "after", shown: await onShow(page), listed: await listed(page) })
  },

  async refused() {
    const page = await visitor("ann")
    await joined(page)
    await api("POST", "/users/ann/disconnect")
    await send("ann", "Meanwhile", { level: "urgent" })
    await arrived(page, "Meanwhile")
    say({ step: "disconnected", shown: await bodies(page), refused: (await noted(page)).refused })

    await press(page, "Dismiss")
    await api("POST", "/users/ann/disable")
    const banner = page.locator("notifier-toasts .card[role=alert]")
    const words = async () => (await banner.locator(".content").innerText()).replace(/\n+/g, "\n")
    await banner.waitFor()
    const before = (await health()).refused.user_disabled
    await page.waitForTimeout(1_500) // phoenix.js would have come back many times
    const again = (await health()).refused.user_disabled - before
    say({ step: "disabled", banner: await words(), refused: (await noted(page)).refused, again })

    const token = await page.locator("notifier-toasts").getAttribute("token")
    await page.locator("notifier-toasts").evaluate(one => one.setAttribute("token", "bad"))
    await until(async () => (await noted(page)).refused, refused => refused.length === 2)
    say({ step: "bad token", banner: await words(), refused: (await noted(page)).refused.slice(1) })

    await api("POST", "/users/ann/enable")
    await page.locator("notifier-toasts").evaluate((one, token) => { one.token = () => Promise.resolve(token) }, token)
    await send("ann", "Back", { level: "urgent" })
    await until(() => onShow(page), shown => shown.length === 1)
    say({ step: "enabled", banner: await banner.filter({ hasText: "disconnected" }).count() || null, shown: await onShow(page) })
  },

  async keyboard() {
    const page = await visitor("ann")
    await joined(page)
    await page.getByLabel("Search").pressSequentially("boo")
    await send("ann", "First", { level: "urgent" })
    await send("ann", "Second")
    await arrived(page, "Second")
    await page.keyboard.type("ts")
    say({ step: "typing", typed: await page.getByLabel("Search").inputValue(), focus: await focus(page) })

    const label = () => page.locator("notifier-toasts .bell").getAttribute("aria-label")
    const expanded = () => page.locator("notifier-toasts .bell").getAttribute("aria-expanded")
    await page.keyboard.press("Tab")
    say({ step: "bell", focus: await focus(page), label: await label() })
    await page.keyboard.press("Enter")
    say({ step: "opened", focus: await focus(page), expanded: await expanded() })
    await page.keyboard.press("Escape")
    say({ step: "closed", focus: await focus(page), expanded: await expanded(), label: await label() })

    await send("ann", "Link", { level: "urgent", title: "With a link", link: "https://shop.example/orders/7" })
    await send("ann", "Third", { level: "urgent", title: "Third" })
    await arrived(page, "Third")
    await page.keyboard.press("Tab")
    say({ step: "in toast", focus: await focus(page) })
    await page.keyboard.press("Escape")
    await until(() => onShow(page), shown => shown.length === 1)
    say({ step: "dismissed", shown: await onShow(page), focus: await focus(page) })
    await page.keyboard.press("Enter")
    await until(() => onShow(page), shown => !shown.length)
    say({ step: "all dismissed", shown: await onShow(page), focus: await focus(page) })
  },

  async states() {
    const page = await visitor("ann")
    const look = async (step, page, more) => {
      const found = []
      for (const [colorScheme, width] of [["light", 1280], ["dark", 320]]) {
        await page.emulateMedia({ colorScheme, reducedMotion: "reduce" })
        await page.setViewportSize({ width, height: 800 })
        found.push(...(await violations(page)).map(one => `${colorScheme} ${width}: ${one}`))
      }
      await portray(page, step)
      say({ step, violations: found, ...more })
    }
    const level = index => send("ann", LEVELS[index][1], { title: LEVELS[index][0], ...LEVELS[index][2] })
    await joined(page)
    await press(page, "Notices")
    await look("empty", page)
    await page.keyboard.press("Escape")
    for (const index of [0, 2, 3]) await level(index)
    await until(() => onShow(page), shown => shown.length === 3)
    await page.evaluate(() => document.activeElement.blur())
    await page.locator("notifier-toasts .stack .face").first().hover() // the clocks stand
    await look("toasts", page)
    await level(1)
    await until(() => listed(page), count => count === 4)
    await press(page, "Notices")
    await look("panel", page)
    await page.keyboard.press("Escape")

    for (const text of ["مرحبا بك في متجرنا", "שלום", "Three", "Four"]) await send("ann", text, { level: "urgent", title: text })
    await until(() => badge(page), unread => unread === "4")
    await page.evaluate(() => {
      document.documentElement.dir = "rtl"
      document.documentElement.lang = "fr"
      const one = document.querySelector("notifier-toasts")
      one.setAttribute("position", "bottom-left")
      one.replaceWith(one) // the words are those of where it stands when it comes
    })
    await until(() => onShow(page), shown => shown.length === 3)
    await look("right to left", page, { language: await page.locator("notifier-toasts .bell").getAttribute("aria-label") })
    await page.evaluate(() => document.documentElement.style.setProperty("font-size", "200%"))
    await look("large print", page)

    const out = await visitor("eve")
    await joined(out)
    await api("POST", "/users/eve/disable")
    await out.locator("notifier-toasts .card[part~=banner]").waitFor()
    await look("refused", out)
  },
}

await play(scenarios)
