// What outlives the page: one state a user in localStorage. A browser that keeps nothing is no error.

import { readSnapshot, type Inbox } from "./inbox.js"

/** Put what is stored into an inbox. Give the ids that were news to it. */
export function load(name: string, inbox: Inbox): string[] {
  try {
    return inbox.merge(readSnapshot(JSON.parse(localStorage.getItem(name) ?? "null"))).news
  } catch {
    return [] // kept from us, or not ours
  }
}

/** Store what an inbox knows, and what another tab has stored meanwhile, which goes into the inbox, too: as `load`. */
export function save(name: string, inbox: Inbox): string[] {
  const news = load(name, inbox)
  try {
    localStorage.setItem(name, inbox.text())
  } catch {
    // full, or kept from us
  }
  return news
}

export function forget(name: string): void {
  try {
    localStorage.removeItem(name)
  } catch {
    // kept from us
  }
}
