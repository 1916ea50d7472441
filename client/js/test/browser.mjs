// A browser with several tabs of one user, in memory: their lock, their channel, what is stored, and a server with
// notices. Chance decides who opens, dies, reads, and what is late or lost; it decides the same for the same seed.

export const TOPICS = ["user:42", "room:lobby"]
const NAMES = 6

export function chance(seed) {
  let state = seed * 2654435761 >>> 0
  return () => {
    state = state + 0x6d2b79f5 >>> 0
    let mixed = Math.imul(state ^ state >>> 15, state | 1)
    mixed ^= mixed + Math.imul(mixed ^ mixed >>> 7, mixed | 61)
    return ((mixed ^ mixed >>> 14) >>> 0) / 4294967296
  }
}

export class Browser {
  now = 1_000
  stored = null
  tabs = []
  line = [] // who stands in line for the lock, the first has it
  server = { log: [], read: new Set(), withdrawn: new Set() }
  opened = 0

  /** `loss` is the share of messages that are lost; `keeps`: whether the browser stores anything. */
  constructor(parts, seed, loss, keeps) {
    Object.assign(this, parts, { loss, keeps })
    this.random = chance(seed)
  }

  pick(list) {
    return list[Math.floor(this.random() * list.length)]
  }

  // --- tabs come and go

  open() {
    if (this.tabs.length >= NAMES) return
    const inbox = new this.Inbox()
    const tab = { name: ++this.opened, inbox, tabs: new this.Tabs(inbox), heard: [], news: new Map(), coming: null, telling: [] }
    this.load(tab)
    tab.had = new Set(inbox.notices(this.now).map(one => one.id))
    this.tabs.push(tab)
    tab.tabs.ask(this.now)
    this.line.push(tab)
    this.run(tab)
    this.grant()
  }

  kill(tab) {
    this.tabs = this.tabs.filter(one => one !== tab)
    this.line = this.line.filter(one => one !== tab)
    this.grant()
  }

  grant() {
    const [tab] = this.line
    if (!tab || tab.tabs.isLeader) return
    tab.tabs.lead()
    this.save(tab)
    this.run(tab)
    this.join(tab)
  }

  // --- the server

  join(tab) {
    tab.coming = TOPICS.flatMap(topic => {
      const since = this.random() < 0.3 ? "" : tab.inbox.since(topic) ?? "" // an inbox brings what waits again
      return this.server.log.filter(one => one.topic === topic && one.id > since)
    })
    tab.coming.push(...[...this.server.withdrawn].map(id => ({ withdrawn: id })))
    tab.tabs.connected("online")
    this.run(tab)
  }

  send() {
    const id = String(this.server.log.length).padStart(4, "0")
    const notice = { topic: this.pick(TOPICS), id, body: id, level: this.pick(["info", "urgent"]) }
    this.server.log.push(notice)
    this.tabs.forEach(tab => tab.coming?.push(notice))
  }

  withdraw() {
    const one = this.pick(this.server.log)
    if (!one || this.server.withdrawn.has(one.id)) return
    this.server.withdrawn.add(one.id)
    this.tabs.forEach(tab => tab.coming?.push({ withdrawn: one.id }))
  }

  /** The next of what the server has for the leader. */
  come(tab) {
    const one = tab.coming?.shift()
    if (!one) return
    if (one.withdrawn) tab.inbox.withdraw(one.withdrawn)
    else if (this.server.withdrawn.has(one.id)) tab.inbox.reached(one.topic, one.id)
    else if (tab.inbox.came(one.topic, one)) this.news(tab, [one.id])
    this.acted(tab)
  }

  /** The leader tells the server what was read; with luck it lives to hear the answer. */
  tell(tab) {
    if (!tab.coming) return
    const ids = TOPICS.flatMap(topic => tab.inbox.untold(topic))
    if (!ids.length) return
    if (this.random() < this.loss) return
    ids.forEach(id => this.server.read.add(id))
    if (this.random() < this.loss) return
    tab.inbox.told(ids)
    this.acted(tab)
  }

  // --- the user

  read(tab) {
    const one = this.pick(tab.inbox.unread(this.now))
    if (!one) return
    tab.inbox.read([one.id])
    this.acted(tab)
  }

  runOut(tab) {
    const one = this.pick(tab.inbox.toasts(this.now))
    if (!one) return
    tab.inbox.ranOut([one.id])
    this.acted(tab)
  }

  // --- as in member.ts

  acted(tab) {
    this.save(tab)
    tab.tabs.acted(this.now)
    this.run(tab)
  }

  run(tab) {
    for (const effect of tab.tabs.take()) {
      if (effect.do === "news") this.news(tab, effect.ids)
      if (effect.do === "show" && tab.coming) this.save(tab)
      if (effect.do !== "say") continue
      const said = structuredClone(effect.message)
      for (const other of this.tabs) if (other !== tab && this.random() >= this.loss) other.heard.push(said)
    }
  }

  news(tab, ids) {
    for (const id of ids) tab.news.set(id, (tab.news.get(id) ?? 0) + 1)
  }

  load(tab) {
    return tab.inbox.merge(this.readSnapshot(JSON.parse(this.stored ?? "null"))).news
  }

  save(tab) {
    this.news(tab, this.load(tab))
    if (this.keeps) this.stored = tab.inbox.text()
  }

  hear(tab) {
    if (!tab.heard.length) return
    tab.tabs.heard(tab.heard.shift(), this.now)
    this.run(tab)
  }

  // --- all together

  step() {
    const tab = this.pick(this.tabs)
    const roll = this.random()
    this.now += 100
    if (!tab || roll < 0.04) return this.open()
    if (roll < 0.07) return this.kill(tab)
    if (roll < 0.08) return this.kill(this.line[0])
    if (roll < 0.1) return this.kill(tab), this.open() // a reload
    if (roll < 0.2) return this.send()
    if (roll < 0.22) return this.withdraw()
    if (roll < 0.3) return this.read(tab)
    if (roll < 0.36) return this.runOut(tab)
    if (roll < 0.5) return this.come(this.line[0])
    if (roll < 0.56) return this.tell(this.line[0])
    if (roll < 0.6) {
      tab.tabs.tick(this.now, true)
      return this.run(tab)
    }
    this.hear(tab)
  }

  /** What the tabs, and the store, know of what the user did: none of it may get lost any more. */
  acts() {
    const all = new this.Inbox()
    all.merge(this.readSnapshot(JSON.parse(this.stored ?? "null")))
    this.tabs.forEach(tab => all.merge(tab.inbox.snapshot()))
    const kept = all.notices(this.now)
    return { read: kept.filter(one => one.read).map(one => one.id), done: kept.filter(one => one.done).map(one => one.id) }
  }

  /** Let all that is under way arrive. Where messages were lost, all tabs are looked at, or another takes the lead. */
  settle(isLooked) {
    const wasLossy = this.loss > 0
    this.loss = 0
    if (!this.tabs.length) this.open()
    const acts = this.acts()
    if (wasLossy && isLooked) this.tabs.forEach(tab => {
      tab.tabs.ask(this.now)
      this.run(tab)
    })
    if (wasLossy && !isLooked) {
      const [leader] = this.line
      leader.coming = null
      leader.tabs.follow(this.now) // its lock was taken
      this.line.push(this.line.shift())
      this.run(leader)
      this.grant()
    }
    for (let round = 0; round < 1_000; round++) {
      this.tabs.forEach(tab => this.hear(tab))
      this.come(this.line[0])
      this.tell(this.line[0])
      if (!this.tabs.some(tab => tab.heard.length || tab.coming?.length)) return acts
    }
    throw new Error("they go on talking for ever")
  }
}
