// A server in memory, as design.md and docs/protocol.md describe it, and a network that can do anything to it: for one
// session, in virtual time, from a seed. Frames say who made them and which they are: `["d",3]` is the server's third.

export class Violation extends Error {}

export function must(isTrue, text) {
  if (!isTrue) throw new Violation(text)
}

/** Numbers in [0, 1) from a seed (mulberry32). */
export function seeded(seed) {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

/** Virtual time. */
export class Clock {
  now = 0
  #queue = []
  #count = 0

  at(time, run) {
    const entry = { time: Math.max(time, this.now), order: this.#count++, run }
    let low = 0
    let high = this.#queue.length
    while (low < high) {
      const middle = (low + high) >> 1
      const other = this.#queue[middle]
      if (other.time < entry.time || (other.time === entry.time && other.order < entry.order)) low = middle + 1
      else high = middle
    }
    this.#queue.splice(low, 0, entry)
    return entry
  }

  after(ms, run) {
    return this.at(this.now + ms, run)
  }

  run(until) {
    while (this.#queue.length && this.#queue[0].time <= until) {
      const { time, run } = this.#queue.shift()
      this.now = time
      run()
    }
    this.now = until
  }
}

const control = (event, payload) => JSON.stringify([null, null, "phoenix", event, payload])
const WINDOW_MS = 10_000

/** One session. `handle(frame)` is told of each message once. */
export class ModelServer {
  sessions = 0
  put = [] // frames; number n is put[n - 1]
  sent = 0
  acked = 0
  received = 0
  turn = 0
  live = null
  parked = null
  end = null

  constructor(clock, random, handle) {
    Object.assign(this, { clock, random, handle })
  }

  push(frame) {
    this.put.push(frame)
    this.#flush()
  }

  #flush() {
    if (this.live) this.#write()
    else if (this.parked) this.#release()
  }

  // --- requests: `reply(json)` is called once, now or later

  open(key, frames, reply) {
    if (this.key !== key) {
      this.key = key
      this.sessions++
      must(this.sessions === 1, "one opening opened two sessions")
    }
    this.#take(1, frames)
    this.clock.after(this.random() * 50, () => reply({ ...this.#batch(), status: 200 }))
  }

  poll(ack, turn, reply) {
    if (this.end) return reply({ status: 500, reason: this.end, messages: [] })
    if (turn < this.turn || ack < this.acked) return reply(this.#nothing())
    this.#ack(ack)
    this.turn = Math.max(this.turn, turn)
    if (this.live) {
      must(this.live.isClientGone, "a poll ends a WebSocket that the client has not given up")
      this.#letGo()
    }
    this.#release()
    this.parked = { reply }
    if (this.put.length > this.acked) return this.#release()
    const parked = this.parked
    this.clock.after(WINDOW_MS, () => this.parked === parked && this.#release())
  }

  post(seq, frames, reply) {
    if (this.end) return reply({ status: 410, reason: this.end, messages: [] })
    const isGap = seq > this.received + 1
    if (!isGap) this.#take(seq, frames)
    reply({ status: isGap ? 409 : 200, received: this.received, messages: [] })
  }

  #take(seq, frames) {
    frames.forEach((frame, index) => {
      if (seq + index <= this.received) return
      this.received = seq + index
      this.#handle(frame)
    })
  }

  #handle(frame) {
    const [, ref, topic, event] = JSON.parse(frame)
    if (topic === "phoenix" && event === "heartbeat") this.push(JSON.stringify([null, ref, topic, "phx_reply", {}]))
    else this.handle(frame)
  }

  #release() {
    const parked = this.parked
    this.parked = null
    parked?.reply(this.#batch())
  }

  #batch() {
    const most = 1 + Math.floor(this.random() * 5) // as an answer takes 64 KiB
    const messages = this.live ? [] : this.put.slice(this.acked, this.acked + most)
    if (!messages.length) return this.#nothing()
    this.sent = Math.max(this.sent, this.acked + messages.length)
    return { status: 200, token: "nts_t", seq: this.acked + 1, received: this.received, messages }
  }

  #nothing() {
    return {
      status: 204, token: "nts_t", seq: this.acked + 1, received: this.received, messages: [],
      ...(this.live && { transport: "websocket" }),
    }
  }

  #ack(number) {
    must(number <= this.sent, `session ended: ack ${number} is beyond what was sent (${this.sent})`)
    this.acked = Math.max(this.acked, number)
  }

  // --- WebSockets: `one` has send(frame) and close(code)

  dial(one) {
    one.state = "candidate"
    one.send(control("probe", {}))
  }

  hear(one, frame) {
    const message = JSON.parse(frame)
    const isControl = message[2] === "phoenix" && message[0] === null && message[1] === null
    if (one.state === "candidate") {
      must(isControl, "a counted frame before the candidate is confirmed")
      this.#confirm(one, message[4])
    } else if (one === this.live && isControl) {
      this.#ack(message[4].seq)
    } else if (one === this.live) {
      const number = one.M + ++one.n
      must(number <= this.received + 1, `a gap on the WebSocket: ${number} after ${this.received}`)
      if (number <= this.received) return
      this.received = number
      this.#handle(frame)
      one.send(control("ack", { received: this.received }))
    }
  }

  #confirm(one, { seq, turn }) {
    if (turn < this.turn) {
      one.state = "closed"
      return one.close(4409)
    }
    this.#ack(seq)
    this.turn = turn
    if (this.live) this.#letGo()
    Object.assign(one, { state: "live", M: this.received, n: 0, position: this.acked })
    this.live = one
    this.#release()
    one.send(control("resumed", { seq: this.acked, received: this.received, token: "nts_t" }))
    this.#write()
  }

  #write() {
    const one = this.live
    if (!one || one.isBusy) return
    if (one.position < this.put.length) {
      one.send(this.put[one.position++])
      this.sent = Math.max(this.sent, one.position)
      one.isBusy = true // until there is room again
      this.clock.after(this.random() * 20, () => {
        one.isBusy = false
        if (this.live === one) this.#write()
      })
    }
  }

  #letGo() {
    const one = this.live
    this.live = null
    one.state = "closed"
    one.close(4409)
  }

  /** A WebSocket has ended, as far as the server sees. */
  ended(one, code) {
    if (one === this.live) {
      must(code !== 1000, "session ended by a close 1000 that was no goodbye")
      this.live = null
    }
    one.state = "closed"
  }
}

/** Between a client's session and the server: what delays, loses, repeats and cuts. */
export class Network {
  faults = true

  constructor(clock, random) {
    Object.assign(this, { clock, random, kind: random() })
  }

  #delay() {
    return this.random() < 0.1 ? this.random() * 8_000 * this.faults + 5 : this.random() * 100
  }

  #happens(chance) {
    return this.faults && this.random() < chance
  }

  /** `serve(reply)` is done on the server, `answered(json or null)` told to the client, at most once. */
  request(serve, answered) {
    const request = { isOwned: true }
    const tell = json => {
      if (!request.isOwned) return
      request.isOwned = false
      answered(json)
    }
    const arrive = isCopy => this.clock.after(this.#delay(), () => serve(json => {
      if (!isCopy && !this.#happens(0.1)) this.clock.after(this.#delay(), () => tell(json))
    }))
    if (!this.#happens(0.1)) arrive(false)
    if (this.#happens(0.1)) arrive(true)
    if (this.#happens(0.15)) this.clock.after(this.#delay(), () => tell(null)) // seen to fail, maybe still under way
    return request
  }

  /** A WebSocket: `server` and `client` are told of frames and ends; returns what the client has of it. */
  dial(server, client) {
    const wire = { isCut: false, upAt: 0, downAt: 0, upDrains: true, downDrains: true }
    const slow = this.#happens(0.2) ? 20 : 1
    const pass = (way, run) => {
      if (wire.isCut) return
      const at = wire[`${way}At`] = Math.max(wire[`${way}At`], this.clock.now + this.#delay() * slow)
      this.clock.at(at, () => { if (!wire.isCut || wire[`${way}Drains`]) run() })
    }
    const atServer = {
      send: frame => pass("down", () => client.heard(frame)),
      close: code => pass("down", () => { gone(code); wire.isCut = true }),
    }
    const gone = code => {
      atServer.isClientGone = true
      client.gone(code)
    }
    const cut = () => {
      wire.isCut = true
      wire.upDrains = this.random() < 0.5
      wire.downDrains = this.random() < 0.5
      // Either side may see it late, or not at all.
      if (this.random() < 0.6) this.clock.after(this.#delay() * 3, () => gone(1006))
      if (this.random() < 0.6) this.clock.after(this.#delay() * 3, () => server.ended(atServer, 1006))
    }
    if (!this.#happens(0.15)) pass("up", () => server.dial(atServer)) // else it hangs
    const life = this.kind < 0.3 ? 500 : 20_000
    if (this.#happens(0.8)) this.clock.after(this.random() * life, () => this.faults && cut())
    return {
      write: frame => pass("up", () => server.hear(atServer, frame)),
      hangUp: code => {
        atServer.isClientGone = true
        pass("up", () => server.ended(atServer, code))
        wire.downDrains = false
      },
    }
  }
}
