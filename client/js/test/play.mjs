// Plays one session against the model server over a network made from a seed, and asks whether each message came
// once and in order, both ways.

import { Clock, ModelServer, Network, must, seeded } from "./model.mjs"

const CHAOS_MS = 90_000
const CALM_MS = 150_000 // what a client needs at most to notice, to wait out its pauses, and to catch up

/** Raise a Violation if `Session` breaks a promise under this seed; give what happened otherwise. */
export function play({ Session, LIMITS }, seed) {
  const random = seeded(seed)
  const clock = new Clock()
  const got = []
  const handled = []
  const seen = { moves: 0, names: [], code: null }
  const server = new ModelServer(clock, random, frame => {
    handled.push(JSON.parse(frame)[4])
    must(handled.at(-1) === handled.length, `the server was handed ${handled.at(-1)} as its ${handled.length}.`)
  })
  const network = new Network(clock, random)
  const limits = { ...LIMITS, patienceMs: 1e9, openPatienceMs: 1e9, attachPauseMs: 500, maxAttachPauseMs: 4_000 }
  // With one WebSocket and no more, what goes wrong on the way back stays wrong.
  if (random() < 0.3) limits.attachPauseMs = limits.maxAttachPauseMs = 1e9
  const session = new Session(limits, "key", true, random)
  const requests = new Map()
  const wires = new Map()

  function does(effect) {
    const { id } = effect
    const request = serve => requests.set(id, network.request(serve, json => event(() => session.answered(id, json, clock.now))))
    switch (effect.do) {
      case "open": return request(reply => server.open(effect.key, effect.frames, reply))
      case "poll":
        must(seen.names.at(-1) !== "websocket", "a poll beside a live WebSocket")
        return request(reply => server.poll(effect.ack, effect.turn, reply))
      case "post": return request(reply => server.post(effect.seq, effect.frames, reply))
      case "abort": return void (requests.get(id).isOwned = false)
      case "dial": return void wires.set(id, network.dial(server, {
        heard: frame => event(() => session.heard(id, frame, clock.now)),
        gone: code => event(() => session.gone(id, code, clock.now)),
      }))
      case "write": return wires.get(id).write(effect.frame)
      case "hang up": return wires.get(id).hangUp(effect.code)
      case "deliver":
        got.push(JSON.parse(effect.frame)[4])
        return must(got.at(-1) === got.length, `the page was handed ${got.at(-1)} as its ${got.length}.`)
      case "show":
        seen.moves += effect.name === "websocket"
        return seen.names.push(effect.name)
      case "fail": must(false, `the client ended the session: ${effect.reason}`)
    }
  }

  let tick = null
  function event(run) {
    run()
    for (const effect of session.take()) does(effect)
    must(server.acked <= session.got, `${server.acked} is acknowledged, the page has only ${session.got}`)
    must(session.mailbox.freed <= server.received, "freed what the server has not")
    if (tick) tick.run = () => {}
    const deadline = session.deadline()
    if (deadline < Infinity) tick = clock.at(deadline, () => event(() => session.tick(clock.now)))
    must(++events < 20_000, "a storm of events")
  }
  let events = 0

  let [downs, ups] = [0, 0]
  const down = () => server.push(JSON.stringify([null, null, "t", "d", ++downs]))
  const up = () => event(() => {
    session.send(JSON.stringify(["1", "1", "t", "u", ++ups]))
    session.tick(clock.now)
  })
  session.send(JSON.stringify(["1", "1", "t", "u", ++ups]))
  event(() => session.start(0))
  for (let n = random() * 60; n > 0; n--) clock.at(random() * CHAOS_MS, random() < 0.6 ? down : up)
  for (let n = random() * 4; n > 0; n--) {
    if (limits.attachPauseMs < 1e9) clock.at(random() * CHAOS_MS, () => event(() => session.wake(random() < 0.5, clock.now)))
  }
  clock.run(CHAOS_MS)
  network.faults = false
  clock.after(1_000, down)
  clock.after(1_000, up)
  clock.run(CHAOS_MS + CALM_MS)
  must(got.length === downs, `stuck: the page has ${got.length} of ${downs}`)
  must(handled.length === ups, `stuck: the server has ${handled.length} of ${ups}`)
  return { ...seen, got: got.length, handled: handled.length, events }
}
