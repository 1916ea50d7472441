// The pure parts of the widget by themselves: one sentence of behaviour each.

import assert from "node:assert/strict"
import { test } from "node:test"
import { load } from "./load.mjs"

const { Inbox, MAX_KEPT, readSnapshot } = await load("toasts/inbox")
const { readLink, readNotice } = await load("toasts/notice")
const { Queue, MAX_SHOWN, SHOWN_MS } = await load("toasts/queue")
const { Tabs, ASK_MS, MAX_ASKS, CHECK_MS } = await load("toasts/tabs")
const { nameOf } = await load("toasts/whose")
const { ago, refusal, wordsFor } = await load("toasts/words")

const TOPIC = "user:42"
const ids = list => list.map(one => one.id)

/** An inbox with these notices, by their ids. */
function holding(...names) {
  const inbox = new Inbox()
  names.forEach(id => inbox.came(TOPIC, { id, body: id }))
  return inbox
}

// --- notices

test("a notice is read with what it lacks", () => {
  assert.deepEqual(readNotice(TOPIC, { id: "1", body: "b" }), {
    id: "1", topic: TOPIC, body: "b", level: "info", title: "", link: "", at: 0, expires: 0,
  })
})

test("what is no notice is none", () => {
  for (const wrong of [null, "text", {}, { id: "1" }, { id: 1, body: "b" }, { id: "", body: "b" }]) {
    assert.equal(readNotice(TOPIC, wrong), null)
  }
})

test("only http and https addresses are links", () => {
  const wrong = ["javascript:alert(1)", " javascript:alert(1)", "data:text/html,x", "/path", "//host", "blob:http://a/1", 7, null]
  for (const link of wrong) assert.equal(readLink(link), "")
  assert.equal(readLink("https://example.com/a b"), "https://example.com/a%20b")
  assert.equal(readLink("http://example.com"), "http://example.com/")
})

// --- the inbox

test("a notice is news once, and the next join goes on from it", () => {
  const inbox = new Inbox()
  assert.equal(inbox.since(TOPIC), null)
  assert.equal(inbox.came(TOPIC, { id: "2", body: "b" }), true)
  assert.equal(inbox.came(TOPIC, { id: "2", body: "b" }), false)
  assert.equal(inbox.came(TOPIC, { id: "1", body: "waited" }), true)
  assert.equal(inbox.since(TOPIC), "2")
})

test("toasts are what is unread and has not run out, urgent ones first", () => {
  const inbox = holding("1", "2", "3")
  inbox.came(TOPIC, { id: "4", body: "b", level: "urgent" })
  assert.deepEqual(ids(inbox.toasts(0)), ["4", "1", "2", "3"])
  inbox.read(["1"])
  inbox.ranOut(["2"])
  assert.deepEqual(ids(inbox.toasts(0)), ["4", "3"])
  assert.deepEqual(ids(inbox.unread(0)), ["4", "3", "2"])
  assert.deepEqual(ids(inbox.notices(0)), ["4", "3", "2", "1"])
})

test("what was read is untold until the server knows, and stays read", () => {
  const inbox = holding("1", "2")
  inbox.read(["1", "unknown"])
  assert.deepEqual(inbox.untold(TOPIC), ["1"])
  assert.deepEqual(inbox.untold("room:lobby"), [])
  inbox.told(["1"])
  inbox.read(["1"])
  assert.deepEqual(inbox.untold(TOPIC), [])
})

test("where nothing is unread up to the head, all before it was read elsewhere", () => {
  const inbox = holding("1", "2", "3")
  inbox.came("room:lobby", { id: "0", body: "b" })
  inbox.caughtUp(TOPIC, "2")
  assert.deepEqual(ids(inbox.unread(0)), ["3", "0"])
})

test("a notice is over when its time is, and the deadline says when", () => {
  const inbox = holding("1")
  inbox.came(TOPIC, { id: "2", body: "b", expires_at: "1970-01-01T00:00:10Z" })
  assert.equal(inbox.deadline(0), 10_000)
  assert.deepEqual(ids(inbox.toasts(9_999)), ["1", "2"])
  assert.deepEqual(ids(inbox.toasts(10_000)), ["1"])
  assert.equal(inbox.deadline(10_000), Infinity)
})

test("a withdrawn notice is gone, also where another tab still has it", () => {
  const [inbox, other] = [holding("1", "2"), holding("1", "2")]
  inbox.withdraw("1")
  inbox.merge(other.snapshot())
  assert.deepEqual(ids(inbox.notices(0)), ["2"])
})

test("the newest are kept, and what was dropped does not come back", () => {
  const names = Array.from({ length: MAX_KEPT + 2 }, (_, n) => String(n).padStart(4, "0"))
  const [inbox, other] = [holding(...names), holding(names[0])]
  assert.deepEqual(inbox.merge(other.snapshot()), { news: [], changed: false })
  assert.deepEqual(ids(inbox.notices(0)).reverse(), names.slice(2))
  assert.equal(inbox.came(TOPIC, { id: names[1], body: "late" }), false)
})

test("two states merge into the same, whichever is first", () => {
  const [one, other] = [holding("1", "2"), holding("2", "3")]
  one.read(["2"])
  other.ranOut(["2"])
  const before = one.snapshot()
  assert.deepEqual(one.merge(other.snapshot()).news, ["3"])
  other.merge(before)
  assert.equal(one.text(), other.text())
  assert.deepEqual([one.get("2").read, one.get("2").done], [1, true])
})

test("a state survives storage, and what is no state is an empty one", () => {
  const inbox = holding("1")
  inbox.came(TOPIC, { id: "2", body: "b", title: "t", level: "urgent", link: "https://a.example/", at: "1970-01-01T00:00:01Z" })
  inbox.withdraw("1")
  const again = new Inbox()
  again.merge(readSnapshot(JSON.parse(inbox.text())))
  assert.equal(again.text(), inbox.text())
  for (const wrong of [null, 7, "x", [], { kept: 1 }, { kept: [{ id: "1" }, null], last: [[1, 2], 3], withdrawn: [1] }]) {
    assert.deepEqual(readSnapshot(wrong), { kept: [], withdrawn: [], last: [] })
  }
})

test("a link that storage was given by others is checked again", () => {
  const kept = [{ id: "1", topic: TOPIC, body: "b", link: "javascript:alert(1)", read: 99, done: "yes" }]
  const [one] = readSnapshot({ kept }).kept
  assert.deepEqual([one.link, one.read, one.done], ["", 2, false])
})

test("a time that no date can hold is none", () => {
  for (const wrong of [1e300, -1e300, "x", {}, Infinity]) {
    const [one] = readSnapshot({ kept: [{ id: "1", topic: TOPIC, body: "b", at: wrong, expires: wrong }] }).kept
    assert.deepEqual([one.at, one.expires], [0, 0])
  }
})

// --- toasts on show

const toast = (id, level = "info") => ({ id, level })

test("three are on show, and the next takes the place of one that goes", () => {
  const queue = new Queue()
  const wanted = ["1", "2", "3", "4", "5"].map(id => toast(id))
  queue.update(wanted, 0)
  assert.deepEqual(queue.shown, ["1", "2", "3"])
  assert.equal(queue.shown.length, MAX_SHOWN)
  queue.update(wanted.slice(1), 1)
  assert.deepEqual(queue.shown, ["2", "3", "4"])
})

test("each has its time by its level, an urgent one for ever", () => {
  const queue = new Queue()
  queue.update([toast("1"), toast("2", "warning"), toast("3", "urgent")], 0)
  assert.equal(queue.deadline(), SHOWN_MS.info)
  assert.deepEqual(queue.take(7_999), [])
  assert.deepEqual(queue.take(8_000), ["1"])
  assert.deepEqual(queue.take(8_000), [])
  assert.deepEqual(queue.take(15_000), ["2"])
  assert.deepEqual(queue.take(1e9), [])
  assert.deepEqual(queue.shown, ["3"])
})

test("the clocks stand while anything holds them", () => {
  const queue = new Queue()
  queue.update([toast("1")], 0)
  queue.hold("hover", true, 1_000)
  queue.hold("hidden", true, 2_000)
  queue.hold("hover", false, 3_000)
  assert.equal(queue.deadline(), Infinity)
  assert.deepEqual(queue.take(100_000), [])
  queue.hold("hidden", false, 100_000)
  assert.equal(queue.deadline(), 107_000)
  assert.deepEqual(queue.take(107_000), ["1"])
})

test("a toast stays no longer where the device's clock was put back", () => {
  const queue = new Queue()
  queue.update([toast("1")], 3_600_000)
  assert.deepEqual(queue.take(0), [])
  assert.deepEqual(queue.take(8_000), ["1"])
})

// --- tabs

const spoken = { status: "online", asks: false, snapshot: new Inbox().snapshot() }
const did = (tabs, kind) => tabs.take().filter(effect => effect.do === kind)

test("a leader that does not answer loses its lock while the user looks", () => {
  const tabs = new Tabs(holding("1"))
  tabs.ask(0)
  for (let ask = 1; ask < MAX_ASKS; ask++) tabs.tick(ask * ASK_MS, true)
  assert.equal(did(tabs, "say").length, MAX_ASKS)
  tabs.tick(MAX_ASKS * ASK_MS, true)
  assert.deepEqual(tabs.take(), [{ do: "steal" }])
})

test("nobody takes the lock in a tab that nobody looks at, or once the leader has spoken", () => {
  for (const speaks of [true, false]) {
    const tabs = new Tabs(holding("1"))
    tabs.ask(0)
    if (speaks) tabs.heard(spoken, 0)
    for (let ask = 1; ask <= MAX_ASKS; ask++) tabs.tick(ask * ASK_MS, speaks)
    assert.deepEqual(did(tabs, "steal"), [])
  }
})

test("followers show how the leader's connection is", () => {
  const [leader, follower] = [new Tabs(new Inbox()), new Tabs(new Inbox())]
  leader.lead()
  leader.connected("online")
  did(leader, "say").forEach(({ message }) => follower.heard(message, 0))
  assert.equal(follower.status, "online")
  assert.deepEqual(did(follower, "say"), [])
})

test("a follower's act is said at once, and again until the leader has spoken", () => {
  const inbox = holding("1")
  const tabs = new Tabs(inbox)
  inbox.read(["1"])
  tabs.acted(0)
  assert.equal(did(tabs, "say")[0].message.snapshot.kept[0].read, 1)
  tabs.tick(ASK_MS, false)
  assert.equal(did(tabs, "say").length, 1)
  tabs.heard({ ...spoken, snapshot: inbox.snapshot() }, ASK_MS)
  tabs.tick(2 * ASK_MS, true)
  assert.deepEqual(did(tabs, "say"), [])
})

test("a tab that the user looks at asks now and then whether the leader lives, another does not", () => {
  for (const isSeen of [true, false]) {
    const tabs = new Tabs(new Inbox())
    tabs.heard(spoken, 0)
    tabs.tick(CHECK_MS - 1, isSeen)
    assert.deepEqual(did(tabs, "say"), [])
    tabs.tick(CHECK_MS, isSeen)
    assert.equal(did(tabs, "say").length, Number(isSeen))
    assert.equal(tabs.deadline(), isSeen ? CHECK_MS + ASK_MS : Infinity)
  }
})

test("the leader answers who asks, also where it has no news", () => {
  const [leader, follower] = [new Tabs(holding("1")), new Tabs(holding("1"))]
  leader.lead()
  leader.take()
  follower.ask(0)
  did(follower, "say").forEach(({ message }) => leader.heard(message, 0))
  assert.equal(did(leader, "say").length, 1)
})

test("what is no message changes nothing", () => {
  const tabs = new Tabs(holding("1"))
  for (const wrong of [null, 7, "x", {}, { status: "odd", snapshot: [] }]) tabs.heard(wrong, 0)
  assert.deepEqual(tabs.take(), [])
})

// --- whose they are

const part = value => Buffer.from(JSON.stringify(value)).toString("base64url")
const SRC = "https://notices.example/socket"

test("tokens of one user share a name, of either kind; those of two users do not", () => {
  const ours = user => `${part({ id: user, role: "customer" })}.time.signature`
  const theirs = user => `${part({ alg: "HS256" })}.${part({ sub: user, iat: Math.random() })}.signature`
  assert.equal(nameOf(SRC, ours("42")), nameOf(SRC, theirs("42")))
  assert.equal(nameOf(SRC, theirs("Žofie 💌")), nameOf(SRC, ours("Žofie 💌")))
  assert.equal(nameOf(SRC, theirs(42)), nameOf(SRC, theirs("42")))
  assert.notEqual(nameOf(SRC, ours("42")), nameOf(SRC, ours("43")))
  assert.notEqual(nameOf(SRC, ours("42")), nameOf("https://other.example/socket", ours("42")))
})

test("a token that cannot be read is a name of its own, and does not stand in it", () => {
  const [one, other] = [nameOf(SRC, "opaque-1"), nameOf(SRC, "opaque-2")]
  assert.notEqual(one, other)
  assert.equal(one, nameOf(SRC, "opaque-1"))
  assert.ok(!one.includes("opaque"))
})

// --- words

test("the age of a notice is told in the page's language", () => {
  assert.equal(ago(0, 30_000, "en"), "just now")
  assert.equal(ago(0, 120_000, "en-GB"), "2 minutes ago")
  assert.equal(ago(0, 86_400_000, "fr"), "hier")
  assert.equal(ago(60_000, 0, "de"), "just now")
})

test("both languages say the same things", () => {
  assert.equal(wordsFor("en").bell(3), "Notices, 3 unread")
  assert.equal(wordsFor("fr-CA").bell(1), "Notifications, 1 non lue")
  assert.equal(refusal("token_expired", wordsFor("en")), "Sign in again to get notices.")
  assert.equal(refusal("user_disabled", wordsFor("en")), "This account cannot get notices here.")
  assert.deepEqual(Object.keys(wordsFor("fr")).sort(), Object.keys(wordsFor("en")).sort())
})
