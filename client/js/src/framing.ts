// How frames look on the wire: control frames, the client's own heartbeat, and binary frames as base64 lines.

import { ACK, HEARTBEAT, PHOENIX_TOPIC } from "./events.js"

/** What phoenix.js hands over and takes: the V2 serializer's text or binary form of one message. */
export type Frame = string | ArrayBuffer

export interface Control {
  event: string
  payload: Record<string, unknown>
}

const CONTROL = /^\s*\[\s*null\s*,\s*null\s*,\s*"phoenix"\s*,\s*"(?:probe|ack|resumed)"/
const encoder = new TextEncoder()
const OWN_REF = "notifier-client"
const OWN_REPLY = new RegExp(`^\\s*\\[\\s*null\\s*,\\s*"${OWN_REF}"\\s*,\\s*"phoenix"`)

/** The client's own heartbeat: a counted frame like any other, only that its reply is not for the page. */
export const OWN_HEARTBEAT = JSON.stringify([null, OWN_REF, PHOENIX_TOPIC, HEARTBEAT, {}])

/** Read a control frame; null for one that counts. */
export function readControl(frame: Frame): Control | null {
  if (typeof frame !== "string" || !CONTROL.test(frame)) return null
  const [, , , event, payload] = JSON.parse(frame)
  return { event, payload }
}

/** Whether a frame answers the client's own heartbeat. */
export function isOwnReply(frame: Frame): boolean {
  return typeof frame === "string" && OWN_REPLY.test(frame)
}

/** Acknowledge on a WebSocket; a candidate's first one carries the turn. */
export function ack(seq: number, turn?: number): string {
  return JSON.stringify([null, null, PHOENIX_TOPIC, ACK, { seq, turn }])
}

/** Make a line of a POST: text as it is, binary in base64. */
export function toLine(frame: Frame): string {
  if (typeof frame === "string") return frame
  let bytes = ""
  for (const byte of new Uint8Array(frame)) bytes += String.fromCharCode(byte)
  return btoa(bytes)
}

/** Read a message of a poll answer: what begins with neither bracket is binary, in base64. */
export function fromLine(line: string): Frame {
  return /^[[{]/.test(line) ? line : Uint8Array.from(atob(line), char => char.charCodeAt(0)).buffer
}

/** Bytes of a frame's line, with its line feed. */
export function sizeOf(frame: Frame): number {
  return 1 + (typeof frame === "string" ? encoder.encode(frame).length : Math.ceil(frame.byteLength / 3) * 4)
}
