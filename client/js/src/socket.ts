// `Socket` of phoenix.js with the transport in it.

import { Socket as PhoenixSocket, type SocketConnectOption } from "phoenix"
import { transport, type TransportOptions } from "./transport.js"

export type SocketOptions = TransportOptions & Partial<Omit<SocketConnectOption, "transport" | "longPollFallbackMs" | "vsn">>

/** phoenix.js's Socket, over sessions that survive. All its other options are as they were. */
export class Socket extends PhoenixSocket {
  constructor(endPoint: string, options: SocketOptions = {}) {
    super(endPoint, { ...options, transport: transport(options) } as Partial<SocketConnectOption>)
  }
}
