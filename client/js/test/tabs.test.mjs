// The tabs of one user through random histories: each knows each notice once, whatever dies, reloads or gets lost.

import assert from "node:assert/strict"
import { test } from "node:test"
import { Browser } from "./browser.mjs"
import { load } from "./load.mjs"

const { ASK_MS } = await load("toasts/tabs")
const HISTORIES = Math.ceil(Number(process.env.SEEDS ?? 3_000) / 20)

async function parts(mutations = {}) {
  const { Inbox, readSnapshot } = await load("toasts/inbox", mutations.inbox)
  const { Tabs } = await load("toasts/tabs", mutations.tabs)
  return { Inbox, readSnapshot, Tabs }
}

/** Play one history to its end; complain where a promise was broken. */
function play(made, seed) {
  const browser = new Browser(made, seed, seed % 2 ? 0.3 : 0, seed % 3 > 0)
  for (let step = 0; step < 150; step++) {
    browser.step()
    check(browser)
  }
  const acts = browser.settle(seed % 4 > 1)
  check(browser)
  const { log, read, withdrawn } = browser.server
  const standing = log.filter(one => !withdrawn.has(one.id)).map(one => one.id)
  const stands = id => !withdrawn.has(id)
  for (const id of acts.read.filter(stands)) assert.ok(read.has(id), `the server does not know that ${id} was read`)
  for (const { name, inbox, tabs, news, had } of browser.tabs) {
    const known = inbox.notices(browser.now).map(one => one.id).reverse()
    assert.deepEqual(known, standing, `tab ${name} knows other notices`)
    for (const id of known) assert.ok(news.has(id) || had.has(id), `tab ${name} was never told of ${id}`)
    const unread = inbox.unread(browser.now).map(one => one.id)
    for (const id of acts.read) assert.ok(!unread.includes(id), `tab ${name} still has ${id} as unread`)
    const toasts = inbox.toasts(browser.now).map(one => one.id)
    for (const id of acts.done) assert.ok(!toasts.includes(id), `tab ${name} would show ${id} again`)
    assert.equal(inbox.text(), browser.tabs[0].inbox.text(), `tab ${name} knows another state`)
    assert.equal(tabs.status, "online", `tab ${name} does not know how the connection is`)
    assert.ok(tabs.deadline() > browser.now + ASK_MS, `tab ${name} still asks`)
  }
}

function check({ tabs, line }) {
  const leaders = tabs.filter(tab => tab.tabs.isLeader)
  assert.ok(leaders.length <= 1 && leaders[0] === line[0], "one leads, who has the lock")
  for (const { name, news, had } of tabs) {
    for (const [id, times] of news) {
      assert.equal(times + had.has(id), 1, `tab ${name} was told of ${id} more than once`)
    }
  }
}

test(`every tab knows each notice once, in ${HISTORIES} histories`, async () => {
  const made = await parts()
  for (let seed = 1; seed <= HISTORIES; seed++) {
    try {
      play(made, seed)
    } catch (error) {
      throw new Error(`seed ${seed}: ${error.message}`)
    }
  }
})

const RULES = {
  "what was read stays read": { inbox: ["Math.max(mine.read, one.read)", "one.read"] },
  "a toast that has run out stays away": { inbox: ["mine.done || one.done", "one.done"] },
  "a notice is known once": { inbox: ["if (this._kept.has(notice.id)) return false;", ""] },
  "what was withdrawn does not come back": { inbox: ["this._withdrawn.forEach((id) => this._kept.delete(id));", ""] },
  "`last` is of what has come": { inbox: ["return this._last.get(topic) ?? null", 'return "0005"'] },
  "who hears less than it knows says so": { tabs: ["const knowsMore =", "const knowsMore = false &&"] },
  "the leader speaks of what comes": { tabs: ["if (this.isLeader) this._say(false);", "if (this.isLeader) ;"] },
  "the others' words are taken": { tabs: ["this._inbox.merge(theirs)", "{ news: [], changed: false }"] },
}

for (const [rule, mutation] of Object.entries(RULES)) {
  test(`a history breaks where this is left out: ${rule}`, async () => {
    const made = await parts(mutation)
    assert.throws(() => {
      for (let seed = 1; seed <= 100; seed++) play(made, seed)
    })
  })
}
