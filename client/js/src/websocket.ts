// WebSockets: dialling one for a session, and what it tells.

import type { Frame } from "./framing.js"

/** As much of a WebSocket as is used; `ws` for Node has it, too. */
export interface WebSocketLike {
  binaryType: string
  onmessage: ((event: any) => void) | null
  onclose: ((event: any) => void) | null
  onerror: ((event: any) => void) | null
  send(frame: Frame): void
  close(code?: number): void
}
export type WebSocketClass = new (url: string, protocols?: string[]) => WebSocketLike

/** Write a token as a sub-protocol: where it does not stand in logs, as the address would. */
function subprotocol(kind: string, token: string): string {
  const base64 = btoa(token).replace(/\+/g, "-").replace(/\//g, "_").replace(/=/g, "")
  return `base64url.${kind}.${base64}`
}

/** One WebSocket. It is told of its end once: by `onGone`, or not at all if it was hung up. */
export class Connection {
  private _socket: WebSocketLike | null = null

  constructor(
    socketClass: WebSocketClass,
    url: string,
    token: string,
    userToken: string | null,
    onFrame: (frame: Frame) => void,
    onGone: (code: number) => void,
  ) {
    const protocols = ["phoenix", subprotocol("session.notifier", token)]
    if (userToken) protocols.push(subprotocol("bearer.phx", userToken))
    try {
      const socket = this._socket = new socketClass(url, protocols)
      socket.binaryType = "arraybuffer"
      socket.onmessage = event => onFrame(event.data)
      socket.onclose = event => onGone(event.code)
      socket.onerror = () => {} // a close follows
    } catch {
      setTimeout(onGone, 0, 1006) // a page's policy forbids it
    }
  }

  write(frame: Frame): void {
    this._socket?.send(frame)
  }

  hangUp(code: number): void {
    const socket = this._socket
    if (!socket) return
    socket.onmessage = socket.onclose = null
    socket.close(code)
  }
}
