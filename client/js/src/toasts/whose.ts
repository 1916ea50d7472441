// Whose notices these are: two users of one browser must not share a lock, a channel or what is stored.

import { readObject } from "./notice.js"

/** Name what the tabs of one user share: the server's address, and whom the token names (which is for it to verify). */
export function nameOf(src: string, token: string): string {
  return `notifier-toasts 1 ${src} ${userOf(token)}`
}

// The payload is the first part of our own tokens and the second of a JSON Web Token, whose first has no such key.
function userOf(token: string): string {
  for (const part of token.split(".").slice(0, 2)) {
    const { id, sub } = readObject(decode(part))
    const user = id ?? sub
    if (typeof user === "string" || typeof user === "number") return `user ${user}`
  }
  return `token ${digest(token)}` // names stay in storage, where a token has no place
}

function decode(part: string): unknown {
  try {
    const bytes = Uint8Array.from(atob(part.replace(/-/g, "+").replace(/_/g, "/")), char => char.charCodeAt(0))
    return JSON.parse(new TextDecoder().decode(bytes))
  } catch {
    return null
  }
}

/** Two runs of FNV-1a, 64 bits together: enough to tell apart, and no way back. */
function digest(token: string): string {
  let [one, other] = [0x811c9dc5, 0x01000193]
  for (const char of token) {
    const code = char.codePointAt(0)!
    one = Math.imul(one ^ code, 0x01000193) >>> 0
    other = Math.imul(other ^ (code + one), 0x85ebca6b) >>> 0
  }
  return one.toString(36) + other.toString(36)
}
