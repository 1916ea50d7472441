// Sessions over random networks, and what breaks when a rule is left out.

import assert from "node:assert/strict"
import { test } from "node:test"
import { load } from "./load.mjs"
import { Violation } from "./model.mjs"
import { play } from "./play.mjs"

const SEEDS = Number(process.env.SEEDS ?? 3_000)
const SEEDS_TO_CATCH = 5_000
const { LIMITS } = await load("limits")

test("each message comes once and in order, both ways, whatever the network does", async () => {
  const { Session } = await load("session")
  const sum = { moves: 0, got: 0, handled: 0 }
  for (let seed = 1; seed <= SEEDS; seed++) {
    try {
      const seen = play({ Session, LIMITS }, seed)
      for (const key in sum) sum[key] += seen[key]
    } catch (error) {
      error.message = `seed ${seed}: ${error.message}`
      throw error
    }
  }
  assert.ok(sum.moves > 2 * SEEDS, `it moved to a WebSocket only ${sum.moves} times`)
  assert.ok(sum.got > 10 * SEEDS && sum.handled > 5 * SEEDS)
})

// Rule: [what stands in the bundle, what stands there instead].
const MUTATIONS = {
  "free on post: what is sent counts as received": [
    "frames: this.mailbox.batch(seq) });",
    "frames: this.mailbox.batch(seq) }); this.mailbox.received = this.mailbox.put; this.mailbox.free();",
  ],
  "running outbound count: a frame has the number got + 1": ["++one.count, frame", "this.got + 1, frame"],
  "running total at resumed: frames are counted from got": ["one.count = one.acked = seq", "one.count = one.acked = this.got"],
  "running inbound count: what is above `received` of any source is written": [
    "one.written = received;", "one.written = this.mailbox.received;",
  ],
  "freed before written: `resumed` frees first": [
    "this._write(one, now);\n    this._told(received);", "this._told(received);\n    this._write(one, now);",
  ],
  "no keeping while undecided": ["if (!this._isUndecided()) this.mailbox.free()", "this.mailbox.free()"],
  "frames before resumed": [
    'one.state = "answered";\n      }',
    `one.state = "answered";
      }
      for (let n = this.mailbox.freed + 1; n <= this.mailbox.put; n++) {
        this._do({ do: "write", id: one.id, frame: this.mailbox.at(n) });
      }`,
  ],
  "hold whenever told websocket": [' && this._isUndecided();', ";"],
  "turn forgotten when a WebSocket is given up": ["this.pollTurn = ++this.turn;", ";"],
  "turn forgotten when a probe is answered": ["one.turn = ++this.turn;", "one.turn = this.turn;"],
  "turn forgotten on polls": ["turn: this.pollTurn", "turn: 0"],
  "polls carry the turn of an undecided candidate": ["turn: this.pollTurn", "turn: this.turn"],
  "giving up says goodbye": [
    'code: GIVEN_UP });\n    this._lose', 'code: 1000 });\n    this._lose',
  ],
  "a new key for each try to open": ["key: this._key", "key: String(this._random())"],
  "what is known is handed on again": [
    "number <= this.got) return;", "false) return;\n    number = Math.max(number, this.got + 1);",
  ],
  "acknowledged before it has come": ["ack: this.got,", "ack: this.got + 1,"],
  "POSTs numbered from what was freed": ["token, seq, frames:", "token, seq: this.mailbox.freed + 1, frames:"],
  "frames of an older WebSocket count on the newer": [
    "if (this.isEnded || one?.id !== id) return;\n    this._contactAt", "if (this.isEnded || !one) return;\n    this._contactAt",
  ],
  "polls go on beside a live WebSocket": [
    "this._write(this._live, now);\n    } else {", "this._write(this._live, now);\n      this._ask(this._token, now);\n    } else {",
  ],
  "no heartbeat: a dead WebSocket is not noticed": ["if (this.state !== \"live\" || this._beatAt !== null) return false", "return false"],
  "no time limit for a candidate": ["return this.since + attachTimeoutMs", "return NEVER"],
  "no time limit for a poll": ["[this._poll, pollTimeoutMs],", ""],
  "a failed POST is not repeated": [
    "this._postAt = now + this._pause(++this._postFailures);", "this._postAt = NEVER;",
  ],
}

for (const [rule, mutation] of Object.entries(MUTATIONS)) {
  test(`caught: ${rule}`, async t => {
    const { Session } = await load("session", mutation)
    for (let seed = 1; seed <= SEEDS_TO_CATCH; seed++) {
      try {
        play({ Session, LIMITS }, seed)
      } catch (error) {
        if (!(error instanceof Violation || error instanceof TypeError || error instanceof SyntaxError)) throw error
        return t.diagnostic(`seed ${seed}: ${error.message}`)
      }
    }
    assert.fail(`not caught in ${SEEDS_TO_CATCH} seeds`)
  })
}
