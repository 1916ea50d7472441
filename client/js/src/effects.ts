// What goes into the session and what comes out of it, as plain values.

import type { Frame } from "./framing.js"

/** What carries the session now: "none" while nothing gets through. */
export type TransportName = "longpoll" | "websocket" | "none"

/** What the shell is to do. A request is answered by `answered(id, …)`, a dialled WebSocket by `heard` and `gone`. */
export type Effect =
  | { do: "open"; id: number; key: string; frames: Frame[] }
  | { do: "poll"; id: number; token: string; ack: number; turn: number }
  | { do: "post"; id: number; token: string; seq: number; frames: Frame[] }
  | { do: "abort"; id: number }
  | { do: "dial"; id: number; token: string }
  | { do: "write"; id: number; frame: Frame }
  | { do: "hang up"; id: number; code: number }
  | { do: "goodbye"; token: string }
  | { do: "opened" }
  | { do: "deliver"; frame: Frame }
  | { do: "show"; name: TransportName }
  | { do: "fail"; code: number; reason: string }

/** The JSON of an answer to any of the three requests, as far as it concerns the session. */
export interface Answer {
  status: number
  token?: string
  seq?: number
  received?: number
  messages: Frame[]
  transport?: string
  reason?: string
}
