// One notice as a page knows it. Pure; whatever comes in, from the wire, another tab or storage, is read here.

export const LEVELS = ["info", "success", "warning", "urgent"] as const
export type Level = (typeof LEVELS)[number]

export interface Notice {
  id: string
  topic: string
  body: string
  level: Level
  title: string
  /** An http or https address, or empty. */
  link: string
  /** Milliseconds since 1970; 0 where the sender's time cannot be read. */
  at: number
  /** Milliseconds since 1970; 0 for one that is never over. */
  expires: number
}

const text = (value: unknown) => (typeof value === "string" ? value : "")
const time = (value: unknown) => Date.parse(text(value)) || 0
const moment = (value: unknown) => new Date(Number(value)).getTime() || 0 // 0 for what no date can hold, which throws

/** Read a value as an object whose keys may be looked at. */
export function readObject(value: unknown): Record<string, unknown> {
  return value !== null && typeof value === "object" ? (value as Record<string, unknown>) : {}
}

/** Read a link: what is no absolute http or https address becomes none, as a link could be a script. */
export function readLink(value: unknown): string {
  try {
    const { protocol, href } = new URL(text(value))
    return protocol === "http:" || protocol === "https:" ? href : ""
  } catch {
    return ""
  }
}

/** Read what `new_msg` brought; null where it is no notice. */
export function readNotice(topic: string, payload: unknown): Notice | null {
  const { id, body, level, title, link, at, expires_at } = readObject(payload)
  if (!text(id) || typeof body !== "string") return null
  return {
    id: text(id), topic, body, level: LEVELS.find(one => one === level) ?? "info",
    title: text(title), link: readLink(link), at: time(at), expires: time(expires_at),
  }
}

/** Read a notice that another tab, or this one before, has written; null for what is none. */
export function readKept(value: unknown): Notice | null {
  const kept = readObject(value)
  const notice = readNotice(text(kept.topic), kept)
  if (!notice?.topic) return null
  return { ...notice, at: moment(kept.at), expires: moment(kept.expires) }
}

export function isOver(notice: Notice, now: number): boolean {
  return notice.expires !== 0 && notice.expires <= now
}
