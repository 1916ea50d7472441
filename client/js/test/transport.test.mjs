// The shell: what phoenix.js sees of it, and what goes over the wire.

import assert from "node:assert/strict"
import { afterEach, test } from "node:test"
import { load } from "./load.mjs"

const { transport } = await load("transport")
const URL_OF_PHOENIX = "ws://server.example/socket/websocket?room=1&vsn=2.0.0"

const sleep = ms => new Promise(resolve => setTimeout(resolve, ms))
async function until(condition) {
  for (let n = 0; !condition(); n++) {
    if (n > 2_000) throw new Error(`nothing after 2 s: ${condition}`)
    await sleep(1)
  }
}

/** A server that answers by hand: each request stays in `requests` until `answer(json)` or `fail()`. */
class FakeServer {
  requests = []

  fetch = (url, init = {}) => new Promise((resolve, reject) => {
    const request = {
      url: new URL(url), method: init.method ?? "GET", headers: init.headers ?? {}, body: init.body, keepalive: init.keepalive,
      isAborted: false,
      answer: (json, status = 200) => {
        this.requests = this.requests.filter(one => one !== request)
        resolve(new Response(JSON.stringify(json), { status }))
      },
      html: status => resolve(new Response("<h1>no</h1>", { status })),
      fail: () => {
        this.requests = this.requests.filter(one => one !== request)
        reject(new TypeError("fetch failed"))
      },
    }
    init.signal?.addEventListener("abort", () => {
      request.isAborted = true
      request.fail()
    })
    this.requests.push(request)
  })

  async next(method) {
    await until(() => this.requests.some(one => one.method === method))
    return this.requests.find(one => one.method === method)
  }
}

class FakeWebSocket {
  static all = []

  constructor(url, protocols) {
    Object.assign(this, { url: new URL(url), protocols, sent: [], closed: null })
    FakeWebSocket.all.push(this)
  }

  send(frame) { this.sent.push(frame) }
  close(code) { this.closed = code }
}

const opened = { status: 200, token: "nts_a.0", seq: 1, received: 0, messages: [] }
const open = []
afterEach(() => open.splice(0).forEach(one => one.close()))

/** A transport as phoenix.js makes one, with what it tells in `told`. */
function make(options = {}, { Class, protocols } = {}) {
  const server = new FakeServer()
  FakeWebSocket.all = []
  Class ??= transport({ fetch: (...args) => server.fetch(...args), WebSocket: FakeWebSocket, ...options })
  const one = new Class(URL_OF_PHOENIX, protocols)
  open.push(one)
  const told = []
  one.onopen = () => told.push("open")
  one.onerror = error => told.push(`error ${error}`)
  one.onmessage = ({ data }) => told.push(data)
  one.onclose = ({ code, wasClean }) => told.push(`close ${code} ${wasClean}`)
  return { server, one, told, Class }
}

async function opening(options, more) {
  const made = make(options, more)
  const post = await made.server.next("POST")
  post.answer(opened)
  return { ...made, poll: await made.server.next("GET") }
}

test("it is open before anything is sent, and what is sent at once goes with the opening", async () => {
  const { server, one, told } = make({ token: "user" })
  assert.deepEqual([one.readyState, one.skipHeartbeat, one.bufferedAmount], [0, true, 0])
  one.onopen = () => {
    one.send('["1"]')
    one.send(new Uint8Array([0, 255]).buffer)
  }
  const { url, headers, body } = await server.next("POST")
  assert.equal(one.readyState, 1)
  assert.equal(url.href, "http://server.example/socket/longpoll?room=1&vsn=2.0.0&notifier=resume")
  assert.equal(body, '["1"]\nAP8=')
  assert.equal(headers["X-Phoenix-AuthToken"], "user")
  assert.equal(headers["X-Notifier-Seq"], "1")
  assert.match(headers["X-Notifier-Open"], /^[a-f0-9]{32}$/)
  assert.deepEqual(told, [])
})

test("requests of a live session say everything in headers, at one address", async () => {
  const { server, one, poll } = await opening({ token: "user" })
  assert.match(poll.url.href, /^http:\/\/server\.example\/socket\/longpoll\?vsn=2\.0\.0&_=[a-f0-9]{8}$/)
  assert.deepEqual(poll.headers, {
    "X-Phoenix-LongPoll-Token": "nts_a.0", "X-Notifier-Ack": "0", "X-Notifier-Turn": "0",
  })
  one.send('["2"]')
  const post = await server.next("POST")
  assert.equal(post.url.href, poll.url.href)
  assert.equal(post.headers["X-Notifier-Seq"], "1")
})

test("messages come each in a task of its own, in order, text and binary", async () => {
  const { one, poll } = await opening()
  const told = []
  one.onmessage = ({ data }) => {
    told.push(typeof data === "string" ? data : [...new Uint8Array(data)])
    Promise.resolve().then(() => told.push("then"))
  }
  poll.answer({ ...opened, messages: ['["1"]', "AP8="] })
  await until(() => told.length === 4)
  assert.deepEqual(told, ['["1"]', "then", [0, 255], "then"])
})

test("it dials with both tokens as sub-protocols, and moves when it is confirmed", async () => {
  const names = []
  const { one, told } = await opening({ token: "user", onTransport: name => names.push(name) })
  await until(() => FakeWebSocket.all.length)
  const [socket] = FakeWebSocket.all
  assert.equal(socket.url.href, URL_OF_PHOENIX)
  assert.deepEqual(socket.protocols, [
    "phoenix", "base64url.session.notifier.bnRzX2EuMA", "base64url.bearer.phx.dXNlcg",
  ])
  socket.onmessage({ data: '[null,null,"phoenix","probe",{}]' })
  assert.deepEqual(socket.sent, ['[null,null,"phoenix","ack",{"seq":0,"turn":1}]'])
  socket.onmessage({ data: '[null,null,"phoenix","resumed",{"seq":0,"received":0}]' })
  one.send('["2"]')
  socket.onmessage({ data: '["3"]' })
  await until(() => socket.sent.length === 2 && told.length === 2)
  assert.deepEqual([socket.sent[1], told, names], ['["2"]', ["open", '["3"]'], ["longpoll", "websocket"]])
})

test("nothing of a failing network reaches phoenix.js", async () => {
  const { server, one, told, poll } = await opening({ limits: { pauseMs: 1 } })
  poll.fail()
  const second = await server.next("GET")
  second.answer({ error: "Bad Gateway", status: 502 }, 502)
  await until(() => server.requests.some(request => request !== second && request.method === "GET"))
  assert.deepEqual([told, one.readyState], [["open"], 1])
})

test("a refused opening is an error and a close, and the next one is open only when it is", async () => {
  const { server, one, told, Class } = make();
  (await server.next("POST")).answer({ status: 403, reason: "token_expired" })
  await until(() => told.length === 3)
  assert.deepEqual([told, one.readyState], [["open", "error token_expired", "close 1008 false"], 3])
  const next = make({}, { Class })
  const post = await server.next("POST")
  assert.deepEqual([next.told, next.one.readyState], [[], 0])
  post.answer(opened)
  await until(() => next.told.length)
  assert.deepEqual([next.told, next.one.readyState], [["open"], 1])
})

test("a session that is dead closes with a code that has phoenix.js come back, after what came before", async () => {
  const { server, one, told, poll } = await opening()
  poll.answer({ ...opened, messages: ['["1"]'] });
  (await server.next("GET")).answer({ status: 500, reason: "restarting" })
  await until(() => told.length === 3)
  assert.deepEqual([told, one.readyState], [["open", '["1"]', "close 4410 false"], 3])
})

test("the token is asked for anew whenever a session opens", async () => {
  let count = 0
  const { server, told, Class, poll } = await opening({ token: async () => `user${++count}` })
  poll.answer({ status: 500, reason: "session_gone" })
  await until(() => told.length === 2)
  make({}, { Class })
  assert.equal((await server.next("POST")).headers["X-Phoenix-AuthToken"], "user2")
})

test("a session that ends as soon as it has begun does not become a storm", async () => {
  const Class = transport({ fetch: (...args) => server.fetch(...args), WebSocket: null, limits: { pauseMs: 40 } })
  let server
  const began = performance.now()
  for (let n = 0; n < 4; n++) {
    const made = make({}, { Class })
    server = made.server;
    (await server.next("POST")).answer(opened);
    (await server.next("GET")).answer({ status: 500, reason: "disconnected" })
    await until(() => made.told.at(-1) === "close 4410 false")
    assert.deepEqual(made.told, ["open", "close 4410 false"])
  }
  assert.ok(performance.now() - began > (40 + 80 + 160) / 2)
})

test("a token that does not come is an error and a close", async () => {
  const { told } = make({ token: () => new Promise(() => {}), limits: { postTimeoutMs: 5 } })
  await until(() => told.length === 3)
  assert.deepEqual(told, ["open", "error Error: no token in time", "close 1006 false"])
})

test("a token that cannot be had is an error and a close", async () => {
  const { told } = make({ token: () => Promise.reject(new Error("signed out")) })
  await until(() => told.length === 3)
  assert.deepEqual(told, ["open", "error Error: signed out", "close 1006 false"])
})

test("the authToken of phoenix.js is passed on", async () => {
  const { server } = make({}, { protocols: ["phoenix", "base64url.bearer.phx.dXNlcg"] })
  assert.equal((await server.next("POST")).headers["X-Phoenix-AuthToken"], "user")
})

test("close is final at once, and says goodbye", async () => {
  const { server, one, told, poll } = await opening()
  poll.answer({ ...opened, messages: ['["1"]'] })
  one.close()
  assert.deepEqual([told, one.readyState], [["open", "close 1005 true"], 3])
  const goodbye = await server.next("POST")
  assert.equal(goodbye.url.href, "http://server.example/socket/longpoll?notifier=close&token=nts_a.0")
  assert.deepEqual([goodbye.keepalive, goodbye.headers, goodbye.body], [true, {}, undefined])
  one.send('["2"]')
  one.close()
  await sleep(10)
  assert.deepEqual(told, ["open", "close 1005 true"])
})

test("closed while it opens, it says goodbye once it knows to what", async () => {
  const { server, one } = make()
  const post = await server.next("POST")
  one.close(1000, "bye")
  post.answer(opened)
  assert.equal((await server.next("POST")).url.searchParams.get("notifier"), "close")
})

test("closed before it began, it sends nothing", async () => {
  const { server, one, told } = make()
  one.close()
  await sleep(10)
  assert.deepEqual([server.requests, told], [[], ["close 1005 true"]])
})

test("where WebSockets are forbidden or missing, it polls", async () => {
  class Forbidden {
    constructor() { throw new Error("refused by the page's policy") }
  }
  for (const WebSocket of [Forbidden, null]) {
    const { one, told, poll } = await opening({ WebSocket })
    await sleep(5)
    poll.answer({ ...opened, messages: ['["1"]'] })
    await until(() => told.length === 2)
    assert.equal(one.readyState, 1)
  }
})

test("more than its buffer holds closes it, so that phoenix.js comes back", async () => {
  const { one, told } = await opening({ limits: { maxBufferedFrames: 2 } })
  for (const frame of ["[1]", "[2]", "[3]"]) one.send(frame)
  await until(() => told.length === 2)
  assert.deepEqual(told, ["open", "close 4008 false"])
})
