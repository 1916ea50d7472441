// `Socket` of phoenix.js with the transport in it.

import { Socket as PhoenixSocket, type SocketConnectOption } from "phoenix"
import { transport, type TransportOptions } from "./transport.js"

export type SocketOptions = TransportOptions & Partial<Omit<SocketConnectOption, "transport" | "longPollFallbackMs" | "vsn">>

// phoenix.js notes in it what its own fallback did, which is not in use here; left to itself it reads the page's, which
// throws in a sandboxed frame and wherever a browser keeps storage from a page.
const sessionStorage = { getItem: () => null, setItem() {} }

/** phoenix.js's Socket, over sessions that survive. All its other options are as they were. */
export class Socket extends PhoenixSocket {
  constructor(endPoint: string, options: SocketOptions = {}) {
    super(endPoint, { sessionStorage, ...options, transport: transport(options) } as Partial<SocketConnectOption>)
  }
}
