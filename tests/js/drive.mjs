// Drives an unmodified phoenix.js through a scenario, and prints what happened, one JSON line each:
//
//   {"step": "join"}                    the step went as it should
//   {"step": "join", "error": "…"}      it did not, and the program ends with status 1
//   {"ask": "drop"}                     whoever runs this is to do something now
//
// The one argument is JSON: package, transport ("longpoll", "websocket" or "fallback"), url, scenario,
// and options for the Socket: params, authToken.

const PATIENCE_MS = 8_000
const given = JSON.parse(process.argv[2])
const isOld = /-1\.[67]\./.test(given.package) // before fetch: it needs a page's XMLHttpRequest

if (isOld) {
  const { JSDOM } = await import("jsdom")
  globalThis.window = new JSDOM("", { url: "http://page.example/" }).window
  globalThis.CloseEvent = globalThis.window.CloseEvent
}
const { Socket, LongPoll, Presence } = await import(given.package)
const WebSocket = isOld ? globalThis.window.WebSocket : (await import("ws")).WebSocket

const say = line => process.stdout.write(JSON.stringify(line) + "\n")

async function step(name, act) {
  try {
    await within(act())
    say({ step: name })
  } catch (error) {
    process.stdout.write(JSON.stringify({ step: name, error: String(error) }) + "\n", () => process.exit(1))
    await new Promise(() => {})
  }
}

function within(promise) {
  const late = new Promise((_, reject) =>
    setTimeout(() => reject(new Error(`nothing for ${PATIENCE_MS} ms`)), PATIENCE_MS).unref())
  return Promise.race([promise, late])
}

async function until(condition) {
  while (!condition()) await new Promise(resolve => setTimeout(resolve, 5))
}

function same(got, expected) {
  const [one, other] = [JSON.stringify(got), JSON.stringify(expected)]
  if (one !== other) throw new Error(`expected ${other}, got ${one}`)
}

function makeSocket(params = {}) {
  const options = {
    transport: given.transport === "longpoll" ? LongPoll : WebSocket,
    params: { ...given.params, ...params },
    rejoinAfterMs: () => 20,
  }
  if (given.transport === "fallback") options.longPollFallbackMs = 300
  if (given.authToken) options.authToken = given.authToken
  return new Socket(given.url, options)
}

const opened = socket => new Promise(resolve => { socket.onOpen(resolve); socket.connect() })

// What a push is answered with: [status, response].
function answer(push) {
  return new Promise(resolve => {
    for (const status of ["ok", "error", "timeout"]) push.receive(status, response => resolve([status, response]))
  })
}

// What comes for an event, in order.
function heard(channel, event) {
  const payloads = []
  channel.on(event, payload => payloads.push(payload))
  return payloads
}

// A joined channel that counts how often it was joined, and what went wrong with it.
async function joined(socket, topic, params) {
  const channel = socket.channel(topic, params)
  const seen = { joins: 0, errors: 0, closes: 0 }
  channel.onError(() => seen.errors++)
  channel.onClose(() => seen.closes++)
  await answer(channel.join().receive("ok", () => seen.joins++))
  return [channel, seen]
}

const bytes = (...values) => new Uint8Array(values).buffer

// A plain client on long-poll gets binary payloads as text: {"base64": …}.
function plain(payload) {
  if (payload instanceof ArrayBuffer) return [...new Uint8Array(payload)]
  return [...Buffer.from(payload.base64, "base64")]
}

// A client that follows who is present, and notes who came and went altogether.
async function present(user) {
  const socket = makeSocket({ user_id: user })
  await opened(socket)
  const channel = socket.channel("presence:1")
  const presence = new Presence(channel)
  const log = []
  presence.onJoin((key, current) => { if (!current) log.push(`+${key}`) })
  presence.onLeave((key, current) => { if (!current.metas.length) log.push(`-${key}`) })
  await answer(channel.join())
  return { socket, channel, presence, log }
}

// Presences as lines of text, in no order but that of the alphabet.
function lines(state) {
  const line = (key, meta) => JSON.stringify([key, ...Object.entries(meta).sort()])
  return Object.keys(state).flatMap(key => state[key].metas.map(meta => line(key, meta))).sort()
}

// Waits until each client has as many metas under each key, and has all of what the server has.
async function agree(clients, counts) {
  const users = state => Object.entries(state).map(([key, { metas }]) => `${key} ${metas.length}`).sort()
  await until(() => clients.every(one => String(users(one.presence.state)) === String(counts)))
  const [, listed] = await answer(clients[0].channel.push("list", {}))
  for (const one of clients) same(lines(one.presence.state), lines(listed))
}

const scenarios = {
  async presence() {
    let ann, bob, tab
    await step("come first", async () => {
      ann = await present("ann")
      await agree([ann], ["ann 1"])
    })
    await step("come later", async () => {
      bob = await present("bob")
      await agree([ann, bob], ["ann 1", "bob 1"])
    })
    await step("open another tab", async () => {
      tab = await present("ann")
      await agree([ann, bob, tab], ["ann 2", "bob 1"])
    })
    await step("update", async () => {
      await answer(ann.channel.push("update", { status: "away" }))
      const statuses = one => one.presence.state.ann.metas.map(meta => meta.status)
      await until(() => [ann, bob, tab].every(one => statuses(one).includes("away")))
      await agree([ann, bob, tab], ["ann 2", "bob 1"])
    })
    await step("update again and again", async () => {
      for (const n of Array(5).keys()) await answer(bob.channel.push("update", { n }))
      await until(() => [ann, bob, tab].every(one => one.presence.state.bob.metas[0].n === 4))
      await agree([ann, bob, tab], ["ann 2", "bob 1"])
    })
    await step("crash and rejoin", async () => {
      const before = lines(tab.presence.state)
      tab.channel.push("no_such_event", {})
      await until(() => [ann, bob, tab].every(one => lines(one.presence.state).length === 3
        && String(lines(one.presence.state)) !== String(before)))
      await agree([ann, bob, tab], ["ann 2", "bob 1"])
    })
    await step("untrack", async () => {
      await answer(bob.channel.push("untrack", {}))
      await agree([ann, bob, tab], ["ann 2"])
    })
    await step("close a tab", async () => {
      tab.socket.disconnect() // over long-polling the session ends when nobody has asked for a while
      await agree([ann, bob], ["ann 1"])
    })
    await step("come and go as a crowd", async () => {
      const crowd = await Promise.all([..."cdefgh"].map(present))
      await agree([ann, bob, ...crowd], ["ann 1", ...crowd.map((_, i) => `${"cdefgh"[i]} 1`)])
      await Promise.all(crowd.map(one => answer(one.channel.leave())))
      await agree([ann, bob], ["ann 1"])
    })
    await step("hear of each coming and going once", async () => {
      const all = ["ann", "bob", ..."cdefgh"].map(key => `+${key}`).concat(["bob", ..."cdefgh"].map(key => `-${key}`))
      same([...ann.log].sort(), all.sort())
    })
  },

  async everything() {
    const [alice, bob] = [makeSocket(), makeSocket()]
    let room, bobs, seen
    await step("connect", async () => {
      await Promise.all([opened(alice), opened(bob)])
      same([alice.isConnected(), bob.isConnected()], [true, true])
    })
    await step("join", async () => {
      const channel = alice.channel("room:welcome", { from: "a page" })
      same(await answer(channel.join()), ["ok", { welcome: true, params: { from: "a page" } }])
    })
    await step("join refused", async () => {
      const channel = alice.channel("room:private")
      same(await answer(channel.join()), ["error", { reason: "unauthorized" }])
      channel.leave()
    })
    await step("join by both", async () => {
      [room, seen] = await joined(alice, "room:1");
      [bobs] = await joined(bob, "room:1")
    })
    await step("push with an ok reply", async () =>
      same(await answer(room.push("ping", { body: "šž☃", n: [1, null] })), ["ok", { body: "šž☃", n: [1, null] }]))
    await step("push with an error reply", async () =>
      same(await answer(room.push("reply_error_with", { why: "no" })), ["error", { why: "no" }]))
    await step("push of many at once", async () => {
      const numbers = [...Array(150).keys()]
      const answers = await Promise.all(numbers.map(n => answer(room.push("ping", { n }))))
      same(answers, numbers.map(n => ["ok", { n }]))
    })
    await step("broadcast", async () => {
      const all = [heard(room, "new_msg"), heard(bobs, "new_msg")]
      for (const n of [1, 2]) {
        room.push("new_msg", { n })
        await until(() => all.every(one => one.length >= n))
      }
      await Promise.all([answer(room.push("ping", {})), answer(bobs.push("ping", {}))])
      for (const one of all) same(one, [{ n: 1 }, { n: 2 }])
    })
    await step("broadcast from one to the others", async () => {
      const [own, others] = [heard(room, "from"), heard(bobs, "from")]
      room.push("broadcast_from", { n: 3 })
      await until(() => others.length)
      await answer(room.push("ping", {}))
      same([own, others], [[], [{ n: 3 }]])
    })
    await step("broadcast by the server", async () => {
      const all = [heard(room, "news"), heard(bobs, "news")]
      say({ ask: "broadcast" })
      await until(() => all.every(one => one.length))
      for (const one of all) same(one, [{ body: "from the server" }])
    })
    await step("binary push and reply", async () => {
      const [status, response] = await answer(room.push("bin", bytes(0, 1, 254, 255)))
      same([status, plain(response)], ["ok", [0, 1, 254, 255]])
    })
    await step("binary push back", async () => {
      const back = heard(room, "bin_pushed")
      room.push("bin_push", bytes(128, 0))
      await until(() => back.length)
      same(back.map(plain), [[128, 0]])
    })
    await step("binary broadcast", async () => {
      const all = [heard(room, "bin_broadcasted"), heard(bobs, "bin_broadcasted")]
      room.push("bin_broadcast", bytes(255))
      await until(() => all.every(one => one.length))
      for (const one of all) same(one.map(plain), [[255]])
    })
    await step("crash and rejoin", async () => {
      room.push("boom", {})
      await until(() => seen.joins === 2)
      same(seen, { joins: 2, errors: 1, closes: 0 })
      same(await answer(room.push("ping", { n: 4 })), ["ok", { n: 4 }])
      same(alice.isConnected(), true)
    })
    await step("leave", async () => {
      const [own, others] = [heard(room, "new_msg"), heard(bobs, "new_msg")]
      same((await answer(room.leave()))[0], "ok")
      await until(() => seen.closes)
      bobs.push("new_msg", { n: 5 })
      await until(() => others.length)
      same([own, seen.errors], [[], 1])
    })
    await step("join again after the leave", async () => {
      [room, seen] = await joined(alice, "room:1")
      same(await answer(room.push("ping", { n: 6 })), ["ok", { n: 6 }])
    })
    await step("disconnect and connect", async () => {
      await new Promise(resolve => alice.disconnect(resolve))
      same(alice.isConnected(), false)
      alice.connect()
      await until(() => seen.joins === 2)
      same(await answer(room.push("ping", { n: 7 })), ["ok", { n: 7 }])
    })
  },

  // The session ends on the server, in each way that is asked for, and the client comes back by itself.
  async comeback() {
    const socket = makeSocket()
    let room, seen
    await step("join", async () => {
      await opened(socket);
      [room, seen] = await joined(socket, "room:1")
      same(await answer(room.push("ping", { n: 0 })), ["ok", { n: 0 }])
    })
    for (const [index, ask] of given.asks.entries()) {
      await step(`rejoin after ${ask}`, async () => {
        say({ ask })
        await until(() => seen.joins === index + 2)
        same(seen.errors > index, true)
        same(await answer(room.push("ping", { index })), ["ok", { index }])
      })
      await step(`broadcast after ${ask}`, async () => {
        const news = heard(room, "news")
        say({ ask: "broadcast" })
        await until(() => news.length)
        await answer(room.push("ping", {}))
        same(news, [{ body: "from the server" }])
      })
    }
  },

  // A page that remembers the last id it was sent, and is away while more is sent.
  async history() {
    const socket = makeSocket()
    let last, room, seen
    const numbers = []
    await step("join", async () => {
      await opened(socket)
      room = socket.channel("log:1", () => ({ since: last }))
      room.on("news", ({ n, id }) => { numbers.push(n); last = id })
      const [status, { head, recovered }] = await answer(room.join())
      same([status, typeof head, recovered], ["ok", "string", undefined])
      last = head
      seen = [] // begins with this join's own reply
      room.joinPush.receive("ok", response => seen.push(response.recovered))
    })
    await step("live", async () => {
      say({ ask: "publish" })
      await until(() => numbers.length === 3)
    })
    await step("disconnect", () => new Promise(resolve => socket.disconnect(resolve)))
    await step("recover", async () => {
      say({ ask: "publish" })
      socket.connect()
      await until(() => numbers.length === 6)
      same(seen, [undefined, true])
    })
    await step("recover after the server has dropped the session", async () => {
      say({ ask: "drop" })
      say({ ask: "publish" })
      await until(() => numbers.length === 9)
      same(seen, [undefined, true, true])
    })
    await step("live again", async () => {
      say({ ask: "publish" })
      await until(() => numbers.length === 12)
      same(numbers, [...Array(12).keys()].map(n => n + 1))
    })
  },

  async fallback() {
    const socket = makeSocket()
    let room
    await step("connect", () => opened(socket))
    await step("use long-polling", async () => same(socket.transport === LongPoll, true))
    await step("join", async () => { [room] = await joined(socket, "room:1") })
    await step("push", async () => same(await answer(room.push("ping", { n: 1 })), ["ok", { n: 1 }]))
  },

  async refused() {
    const socket = makeSocket()
    await step("be refused", () => new Promise(resolve => { socket.onError(resolve); socket.connect() }))
    await step("stay out", async () => same(socket.isConnected(), false))
  },
}

await scenarios[given.scenario]()
process.stdout.write("", () => process.exit(0))
