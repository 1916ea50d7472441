// The demo's page: our client with a network that can be made worse, and all that it shows.

import { Socket } from "/client/notifier-client.js"
import { Network } from "./network.js"
import { Tally } from "./tally.js"

const MAX_ROWS = 50
const TOPICS = ["user:demo", "room:lobby"]
const WAYS = {
  websocket: ["WebSocket", "One open connection: the quickest way."],
  longpoll: ["Long-polling", "Plain HTTP requests, which nearly every network lets through."],
  none: ["No connection", "The page keeps trying, the server keeps what is sent."],
}

const find = id => document.getElementById(id)
const network = new Network(new URL("/demo/refused", location.href.replace(/^http/, "ws")))
const tally = new Tally()
let transport = "none"

// --- what is shown

function element(name, text, more = {}) {
  const made = document.createElement(name)
  made.textContent = text
  return Object.assign(made, more)
}

function time(date) {
  return element("time", date.toTimeString().slice(0, 8), { dateTime: date.toISOString() })
}

function addRow(list, ...parts) {
  const row = document.createElement("li")
  row.append(...parts)
  list.prepend(row)
  while (list.children.length > MAX_ROWS) list.lastElementChild.remove()
}

const tell = words => addRow(find("moves"), time(new Date()), element("span", words))

function showTransport(name) {
  const [title, about] = WAYS[name]
  transport = name
  find("way").dataset.transport = name
  find("carrier").textContent = title
  find("about").textContent = about
  tell(name === "none" ? title : `Now on ${name === "longpoll" ? "long-polling" : title}`)
}

function showNotice({ body, from, at }) {
  find("nothing").hidden = true
  find("notices").hidden = false
  const about = element("p", `${from} · `, { className: "hint" })
  about.append(time(new Date(at)))
  addRow(find("notices"), element("p", body, { className: "text", dir: "auto" }), about)
}

function showTick(tick) {
  const before = new Set(tally.missing)
  const isNew = tally.count(tick)
  for (const number of tally.missing) if (!before.has(number)) addTick(number, "missed")
  if (isNew) addTick(tick.number, transport)
  showTally()
}

function addTick(number, how) {
  const tick = element("li", number, { className: "tick" })
  tick.dataset.transport = how
  find("strip").append(tick)
  trimTicks()
}

function trimTicks() {
  const strip = find("strip")
  while (strip.scrollHeight > strip.clientHeight) strip.firstElementChild.remove()
}
addEventListener("resize", trimTicks)

function showTally() {
  find("received").textContent = tally.received.toLocaleString()
  for (const [id, count] of [["missed", tally.missing.size], ["doubled", tally.doubled]]) {
    find(id).textContent = count.toLocaleString()
    find(id).parentElement.classList.toggle("wrong", count > 0)
  }
}

// --- what comes

const socket = new Socket("/socket", {
  token: () => network.fetch("/demo/token").then(answer => answer.text()),
  fetch: network.fetch,
  WebSocket: network.WebSocket,
  onTransport: showTransport,
  // Not to keep whoever watches waiting; a page leaves the pauses as they are, which grow up to five minutes.
  limits: { attachPauseMs: 1_000, maxAttachPauseMs: 3_000 },
})

/** Join a topic; after an absence, from the message on that was the last. */
function follow(topic, handlers) {
  let last
  const channel = socket.channel(topic, () => ({ since: last }))
  for (const [event, handle] of Object.entries(handlers)) {
    channel.on(event, message => {
      if (last && message.id <= last) { // this never happens
        tally.doubled++
        return showTally()
      }
      last = message.id
      handle(message)
    })
  }
  channel.join().receive("ok", ({ head, recovered }) => {
    last ??= head
    if (topic !== TOPICS[0]) return
    if (recovered === undefined) tell("Joined")
    else tell(recovered ? "Joined again, and got what was missed" : "Joined again, after too long: some are missing")
  })
}

const handlers = {
  new_msg: showNotice,
  tick: showTick,
  ticker: ({ on }) => {
    find("ticker").checked = on
    tell(on ? "One message a second begins" : "One message a second ends")
  },
}
for (const topic of TOPICS) follow(topic, handlers)
socket.onClose(() => tell("The session has ended; a new one is opened"))
socket.connect()

// --- what is pressed; it goes to the server on a way of its own, which is never cut

find("block").addEventListener("change", ({ target }) => {
  tell(target.checked ? "You blocked WebSocket" : "You let WebSocket through")
  network.block(target.checked)
})
find("cut").addEventListener("change", ({ target }) => {
  tell(target.checked ? "You cut the network" : "You let the network through")
  network.cut(target.checked)
})
find("ticker").addEventListener("change", ({ target }) => {
  ask("/demo/ticker", target.checked ? "PUT" : "DELETE").then(done => { if (!done) target.checked = !target.checked })
})
find("send").addEventListener("click", () => ask("/demo/notice", "POST"))

async function ask(path, method) {
  const answer = await fetch(path, { method }).catch(() => null)
  if (!answer?.ok) tell("The server could not be asked")
  return Boolean(answer?.ok)
}
