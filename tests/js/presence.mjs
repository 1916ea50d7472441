// Has an unmodified phoenix.js follow what its clients were sent, and prints where each of them ends.
//
// The argument is the package. Standard input is JSON: histories, each a list of clients, each a list of
// ["join", ref], ["state", payload] and ["diff", payload]. What is printed has a state for each client.

import { text } from "node:stream/consumers"

const { Presence } = await import(process.argv[2])

function follow(sent) {
  const handlers = {}
  let joinRef = null
  const channel = { on: (event, handler) => { handlers[event] = handler }, joinRef: () => joinRef }
  const presence = new Presence(channel)
  for (const [kind, value] of sent) {
    if (kind === "join") joinRef = String(value)
    else handlers[`presence_${kind}`](value)
  }
  return presence.state
}

const histories = JSON.parse(await text(process.stdin))
process.stdout.write(JSON.stringify(histories.map(clients => clients.map(follow))))
