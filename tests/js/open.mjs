// Opens sockets one after the other and joins a channel on each; prints how many milliseconds each took from
// connect() to the reply of the join, one JSON number a line.
//
// The one argument is JSON: client ("ours", "websocket", "longpoll", or "fallback" as phoenix.js has it), urls.

import { LongPoll, Socket } from "phoenix"
import { WebSocket } from "ws"
import { transport } from "../../client/js/dist/notifier-client.js"

const given = JSON.parse(process.argv[2])
const options = {
  ours: () => ({ transport: transport({ WebSocket }) }),
  websocket: () => ({ transport: WebSocket }),
  longpoll: () => ({ transport: LongPoll }),
  fallback: () => ({ transport: WebSocket, longPollFallbackMs: 2_500 }),
}[given.client]

for (const url of given.urls) {
  const socket = new Socket(url, options())
  const began = performance.now()
  socket.connect()
  await new Promise(resolve => socket.channel("room:1").join().receive("ok", resolve))
  process.stdout.write(JSON.stringify(performance.now() - began) + "\n")
  await new Promise(resolve => socket.disconnect(resolve))
}
process.stdout.write("", () => process.exit(0))
