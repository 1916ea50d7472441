// What every page of the back office does better with a script. Without one they all work.

// Times in the reader's own zone, for who points at them.
const zoned = new Intl.DateTimeFormat(document.documentElement.lang, { dateStyle: "medium", timeStyle: "medium" })

function localise(place) {
  for (const time of place.querySelectorAll("time[datetime]")) {
    time.title = zoned.format(new Date(time.dateTime))
    if ("exact" in time.dataset) time.textContent = time.title
  }
}

// What is shown once has a button that copies it.
function offerCopies() {
  if (!navigator.clipboard) return
  const { copy, copied } = words()
  for (const code of document.querySelectorAll("[data-copy]")) {
    const button = Object.assign(document.createElement("button"), { type: "button", className: "quiet", textContent: copy })
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(code.textContent)
      button.textContent = copied
    })
    code.after(button)
  }
}

// The words that scripts say, in the page's language.
function words() {
  return JSON.parse(document.getElementById("words").textContent)
}

const sleep = ms => new Promise(resolve => setTimeout(resolve, ms))
const shown = () => document.hidden && new Promise(resolve => document.addEventListener("visibilitychange", resolve, { once: true }))

// A part of a page that keeps itself up to date: the server answers once it is other than what is shown.
async function follow(place) {
  let tag = place.dataset.tag ?? "", pause = 1000
  for (;;) {
    await shown()
    if (place.querySelector("details[open]")) { // somebody is about to press what is in it
      await sleep(1000)
      continue
    }
    try {
      const answer = await fetch(place.dataset.live, { headers: tag ? { "If-None-Match": tag } : {} })
      if (answer.status === 401) return tell(place, words().ended)
      if (answer.status === 200) show(place, await answer.text())
      else if (answer.status !== 304) throw new Error(answer.status)
      tag = answer.headers.get("ETag") ?? ""
      pause = 1000
    } catch {
      await sleep(pause)
      pause = Math.min(pause * 2, 30_000)
    }
  }
}

function show(place, html) {
  const focused = document.activeElement, isHere = place.contains(focused)
  const row = [...place.querySelectorAll("li")].indexOf(focused.closest("li"))
  const parsed = new DOMParser().parseFromString(html, "text/html")
  place.replaceChildren(...parsed.body.childNodes)
  localise(place)
  if (isHere) stand(place, focused, row)
}

// The keyboard stays where it was. Where that has gone it is on what took its place, of which no key does anything.
function stand(place, focused, row) {
  const same = [...place.querySelectorAll("button, a, summary")].find(one => key(one) === key(focused))
  if (same) return same.focus()
  const rows = place.querySelectorAll("li")
  const next = rows[Math.min(row, rows.length - 1)] ?? place
  next.tabIndex = -1
  next.focus()
}

const key = element => element.id || element.value || element.href || element.textContent

function tell(place, text) {
  const told = Object.assign(document.createElement("p"), { className: "told", textContent: text })
  told.setAttribute("role", "status")
  place.before(told)
}

// A draft goes once it is on its way, which the page of the notice shows; any other page means that it is not.
function dropSent() {
  const sending = sessionStorage.getItem("sending")
  if (sending && location.pathname.includes("/sent/")) sessionStorage.removeItem(sending)
  sessionStorage.removeItem("sending")
}

dropSent()
// A form that is on its way is not sent again by a second press; back on the page it may be.
const RESEND_MS = 5_000

document.addEventListener("submit", event => {
  const { target: form, timeStamp } = event
  if (form.method !== "post") return
  if (timeStamp - Number(form.dataset.sentAt ?? -Infinity) < RESEND_MS) event.preventDefault()
  else form.dataset.sentAt = timeStamp
})
addEventListener("pageshow", () => {
  for (const form of document.forms) delete form.dataset.sentAt
})

localise(document)
offerCopies()
// On a narrow screen the menu scrolls: to where one is.
document.querySelector("nav [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" })
for (const place of document.querySelectorAll("[data-live]")) follow(place)
