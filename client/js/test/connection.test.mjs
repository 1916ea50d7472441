// The widget's connection, over a socket that is none: one sentence of behaviour each.

import assert from "node:assert/strict"
import { test } from "node:test"
import { load } from "./load.mjs"

const { Connection } = await load("toasts/connection")
const { Inbox } = await load("toasts/inbox")

const USER = "user:42"

/** What phoenix.js gives for a join or a push: a test answers it. */
class Push {
  hooks = {}

  receive(status, hook) {
    this.hooks[status] = hook
    return this
  }

  answer(status, response = {}) {
    this.hooks[status]?.(response)
  }
}

class FakeChannel {
  state = "joined"
  events = {}
  pushes = []
  joining = new Push()

  constructor(params) {
    this.params = params
  }

  on(event, hook) {
    this.events[event] = hook
  }

  join() {
    return this.joining
  }

  push(event, payload) {
    this.pushes.push(Object.assign(new Push(), { event, payload }))
    return this.pushes.at(-1)
  }
}

class FakeSocket {
  channels = {}
  isConnected = false

  onClose(hook) {
    this.close = hook
  }

  connect() {
    this.isConnected = true
  }

  disconnect() {
    this.isConnected = false
  }

  channel(topic, params) {
    return this.channels[topic] = new FakeChannel(params)
  }
}

/** A connection that has opened, with what it told. */
function opened(inbox = new Inbox()) {
  const socket = new FakeSocket()
  const told = { news: [], statuses: [], refused: [] }
  const connection = new Connection(socket, inbox, {
    changed: ids => told.news.push(...ids),
    status: status => told.statuses.push(status),
    refused: reason => told.refused.push(reason),
  })
  connection.open(["room:lobby"])
  socket.channels.me.joining.answer("ok", { id: "42", role: "customer" })
  return { socket, told, connection, inbox, user: socket.channels[USER], room: socket.channels["room:lobby"] }
}

/** An inbox with these notices of the user's, all read. */
function read(...ids) {
  const inbox = new Inbox()
  ids.forEach(id => inbox.came(USER, { id, body: "b" }))
  inbox.read(ids)
  return inbox
}

test("it joins the rooms and the topic of the user whom the server names, once", () => {
  const { socket, user } = opened()
  socket.channels.me.joining.answer("ok", { id: "42" })
  assert.deepEqual(Object.keys(socket.channels), ["me", "room:lobby", USER])
  assert.equal(socket.channels[USER], user)
})

test("each join says what came last on its topic", () => {
  const { user, room } = opened()
  assert.deepEqual(user.params(), { since: undefined })
  user.events.new_msg({ id: "2", body: "b" })
  user.events.new_msg({ id: "1", body: "waited" })
  assert.deepEqual([user.params(), room.params()], [{ since: "2" }, { since: undefined }])
})

test("a notice is news once", () => {
  const { user, told } = opened()
  for (const id of ["1", "2", "1"]) user.events.new_msg({ id, body: "b" })
  assert.deepEqual(told.news, ["1", "2"])
})

test("the head counts at a first join where nothing waits, and else what has come", () => {
  const { user, room, inbox } = opened()
  room.joining.answer("ok", { head: "7" })
  user.joining.answer("ok", { head: "7", unread: 2 })
  assert.deepEqual([inbox.since("room:lobby"), inbox.since(USER)], ["7", null])
  room.joining.answer("ok", { head: "9", recovered: true }) // 8 and 9 are on their way
  assert.equal(inbox.since("room:lobby"), "7")
})

test("what was read elsewhere is read here, by an event or where nothing is unread any more", () => {
  const { user, inbox } = opened()
  for (const id of ["1", "2", "3"]) user.events.new_msg({ id, body: "b" })
  user.events.seen({ ids: ["1"], unread: 2 })
  assert.deepEqual(inbox.unread(0).map(one => one.id), ["3", "2"])
  user.joining.answer("ok", { head: "2", unread: 0 })
  assert.deepEqual(inbox.unread(0).map(one => one.id), ["3"])
})

test("a withdrawn notice goes", () => {
  const { user, inbox } = opened()
  user.events.new_msg({ id: "1", body: "b" })
  user.events.withdrawn({ id: "1" })
  assert.deepEqual(inbox.notices(0), [])
})

test("the server is told what was read, and once while it has not answered", () => {
  const { user, connection, inbox } = opened(read("1", "2"))
  connection.tell()
  connection.tell()
  assert.deepEqual(user.pushes.map(one => [one.event, one.payload]), [["seen", { ids: ["1", "2"] }]])
  user.pushes[0].answer("ok", { unread: 0 })
  connection.tell()
  assert.equal(user.pushes.length, 1)
  assert.deepEqual(inbox.untold(USER), [])
})

test("what was read while a topic is not joined is told once it is", () => {
  const { user, connection } = opened(read("1"))
  user.state = "errored"
  connection.tell()
  assert.deepEqual(user.pushes, [])
  user.state = "joined"
  user.joining.answer("ok", {})
  assert.deepEqual(user.pushes.map(one => one.payload), [{ ids: ["1"] }])
})

test("it is told again a while after it could not store it, or did not answer", t => {
  t.mock.timers.enable({ apis: ["setTimeout"] })
  for (const [status, response] of [["error", { reason: "not stored" }], ["timeout", {}]]) {
    const { user, connection } = opened(read("1"))
    connection.tell()
    user.pushes[0].answer(status, response)
    assert.equal(user.pushes.length, 1)
    t.mock.timers.tick(5_000)
    assert.deepEqual(user.pushes[1].payload, { ids: ["1"] })
  }
})

test("it is not told again where it keeps no account of what was read", t => {
  t.mock.timers.enable({ apis: ["setTimeout"] })
  const { user, connection, inbox } = opened(read("1"))
  connection.tell()
  user.pushes[0].answer("error", { reason: "no inbox" })
  t.mock.timers.tick(60_000)
  assert.equal(user.pushes.length, 1)
  assert.deepEqual(inbox.untold(USER), [])
})

test("who is refused hangs up and says why; for what passes it comes back", () => {
  for (const [code, reason, isFinal] of [
    [1008, "user_disabled", true], [1008, "token_expired", true], [1008, "too_many_sessions", false],
    [1008, "connect_crashed", false], [4410, "disconnected", false], [1006, "the server does not answer", false],
  ]) {
    const { socket, told } = opened()
    socket.close({ code, reason })
    assert.deepEqual([socket.isConnected, told.refused, told.statuses], isFinal ? [false, [reason], []] : [true, [], ["offline"]])
  }
})

test("once it was closed it tells nothing more", () => {
  const { socket, told, connection, user } = opened()
  connection.close()
  connection.carried("none")
  user.events.new_msg({ id: "1", body: "b" })
  socket.close({ code: 1008, reason: "user_disabled" })
  assert.deepEqual(told, { news: [], statuses: [], refused: [] })
})
