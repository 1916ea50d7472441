// A network that can be made worse by hand: the browser's own WebSocket and fetch, until they are blocked or cut.
//
// To the client it is a failure like any other: it is given these instead of the global ones, and no more.

export class Network {
  isBlocked = false
  isCut = false
  #sockets = new Set()
  #line = new AbortController()

  /** `refusing` is an address at which the server refuses a WebSocket, as a proxy does. */
  constructor(refusing) {
    const network = this
    this.WebSocket = class extends WebSocket {
      constructor(url, protocols) {
        super(network.isBlocked || network.isCut ? refusing : url, protocols)
        network.#sockets.add(this)
        this.addEventListener("close", () => network.#sockets.delete(this))
      }
    }
    this.fetch = (url, init) => {
      const signals = [this.#line.signal, init?.signal].filter(Boolean)
      return fetch(url, { ...init, signal: AbortSignal.any(signals) })
    }
  }

  /** Block WebSockets, or let them through again. */
  block(isBlocked) {
    this.isBlocked = isBlocked
    if (isBlocked) this.#cutSockets()
  }

  /** Cut everything, or let it through again. */
  cut(isCut) {
    this.isCut = isCut
    if (!isCut) return void (this.#line = new AbortController())
    this.#cutSockets()
    this.#line.abort() // whatever is fetched with it from now on fails at once, too
  }

  #cutSockets() {
    for (const socket of this.#sockets) socket.close()
  }
}
