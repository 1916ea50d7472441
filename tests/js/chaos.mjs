// Runs our JavaScript client, with the real phoenix.js, on a network that is not well: joins topics, pushes numbered
// messages, and prints what happens, one JSON line each: {"carried": name}, {"down": [topic, n]}, {"reply": n}.
//
// The one argument is JSON: url, seed, topics, each, everyMs.

import { Socket } from "phoenix"
import { WebSocket } from "ws"
import { transport } from "../../client/js/dist/notifier-client.js"

const given = JSON.parse(process.argv[2])
const say = line => process.stdout.write(JSON.stringify(line) + "\n")
const limits = {
  attachPauseMs: 100, maxAttachPauseMs: 300, attachTimeoutMs: 800, heartbeatMs: 400, heartbeatTimeoutMs: 400,
  pauseMs: 20, maxPauseMs: 300, postTimeoutMs: 1_500, pollTimeoutMs: 2_000, ackMs: 400, openPatienceMs: 30_000,
}

const socket = new Socket(given.url, {
  transport: transport({ WebSocket, limits, onTransport: name => say({ carried: name }) }),
  params: { seed: given.seed },
  timeout: 40_000,
})
socket.onError(error => say({ socketError: String(error) }))
socket.connect()

const channels = given.topics.map(topic => {
  const channel = socket.channel(`chaos:${given.seed}:${topic}`)
  channel.on("down", ({ n }) => say({ down: [topic, n] }))
  channel.onError(reason => say({ channelError: topic, reason }))
  return channel
})
await Promise.all(channels.map(channel => new Promise(resolve => channel.join().receive("ok", resolve))))
for (let n = 1; n <= given.each; n++) {
  for (const channel of channels) {
    channel.push("up", { n }).receive("ok", reply => say({ reply: reply.n }))
    await new Promise(resolve => setTimeout(resolve, given.everyMs))
  }
}
