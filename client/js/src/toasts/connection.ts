// The connection of the tab that leads: the topics of its Socket, and what of them goes into the inbox.

import type { Channel, Socket } from "phoenix"
import type { TransportName } from "../effects.js"
import { FORBIDDEN } from "../events.js"
import type { Inbox } from "./inbox.js"
import { readObject } from "./notice.js"
import type { Status } from "./tabs.js"

/** Milliseconds until the server is told again what was read, where it could not store it. */
const TELL_AGAIN_MS = 5_000

/** The server's word for a database that failed. */
const NOT_STORED = "not stored"

/** Reasons of the server to refuse that pass; after all others it is of no use to come back with the same token. */
const PASSING = ["too_many_sessions", "connect_crashed"]

export interface ConnectionEvents {
  /** Something went into the inbox; `ids` are news. */
  changed(ids: string[]): void
  status(status: Status): void
  /** The server will not have us; nothing more comes. */
  refused(reason: string): void
}

export class Connection {
  private _channels = new Map<string, Channel>()
  private _telling = new Set<string>()
  private _timer: ReturnType<typeof setTimeout> | undefined

  constructor(private _socket: Socket, private _inbox: Inbox, private _on: ConnectionEvents) {}

  /** Connect, and join what there is for this user. */
  open(rooms: string[]): void {
    this._socket.onClose(event => this._closed(event as { code: number; reason: string }))
    this._socket.connect()
    this._socket.channel("me").join().receive("ok", reply => this._join(`user:${readObject(reply).id}`))
    rooms.forEach(room => this._join(room))
  }

  /** Another transport carries the session, or none does. */
  carried(by: TransportName): void {
    this._on.status(by === "none" ? "offline" : "online")
  }

  /** Tell the server what was read since. */
  tell(): void {
    for (const [topic, channel] of this._channels) {
      if (channel.state !== "joined") continue // phoenix.js would keep each push for the join, which tells of all by itself
      const ids = this._inbox.untold(topic).filter(id => !this._telling.has(id))
      if (!ids.length) continue
      ids.forEach(id => this._telling.add(id))
      const over = () => ids.forEach(id => this._telling.delete(id))
      const told = () => {
        over()
        this._inbox.told(ids)
        this._on.changed([])
      }
      const again = () => {
        over()
        clearTimeout(this._timer)
        this._timer = setTimeout(() => this.tell(), TELL_AGAIN_MS)
      }
      channel.push("seen", { ids }).receive("ok", told).receive("timeout", again)
        .receive("error", error => readObject(error).reason === NOT_STORED ? again() : told()) // it keeps no account of it
    }
  }

  close(): void {
    clearTimeout(this._timer)
    this._on = { changed() {}, status() {}, refused() {} }
    this._socket.disconnect()
  }

  private _join(topic: string): void {
    if (this._channels.has(topic)) return // `me` was joined again
    const channel = this._socket.channel(topic, () => ({ since: this._inbox.since(topic) ?? undefined }))
    this._channels.set(topic, channel)
    channel.on("new_msg", notice => {
      const id = String(readObject(notice).id)
      this._on.changed(this._inbox.came(topic, notice) ? [id] : [])
    })
    channel.on("withdrawn", gone => {
      this._inbox.withdraw(String(readObject(gone).id))
      this._on.changed([])
    })
    channel.on("seen", seen => {
      const { ids } = readObject(seen)
      if (!Array.isArray(ids)) return
      this._inbox.told(ids.map(String))
      this._on.changed([])
    })
    channel.join().receive("ok", reply => this._joined(topic, reply))
  }

  private _joined(topic: string, reply: unknown): void {
    const { head, unread } = readObject(reply)
    if (typeof head === "string") {
      if (unread === 0) this._inbox.caughtUp(topic, head)
      // Where something waits, it comes now: it counts once it has come.
      if (!unread && this._inbox.since(topic) === null) this._inbox.reached(topic, head)
      this._on.changed([])
    }
    this._on.status("online")
    this.tell()
  }

  private _closed({ code, reason }: { code: number; reason: string }): void {
    if (code !== FORBIDDEN || PASSING.includes(reason)) return this._on.status("offline")
    const { refused } = this._on
    this.close() // else phoenix.js comes back for ever
    refused(reason)
  }
}
