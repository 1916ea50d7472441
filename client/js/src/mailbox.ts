// What waits for the server: frames in the order of their numbers, kept until the server is known to have them.
//
//   freed ≤ received ≤ put: up to `freed` a frame is gone from here; up to `received` the server has said that it
//   has them; up to `put` they exist. The first frame has the number 1.

import { sizeOf, type Frame } from "./framing.js"
import type { Limits } from "./limits.js"

export class Mailbox {
  freed = 0
  received = 0
  private _frames: Frame[] = []
  private _bytes = 0

  constructor(private _limits: Limits) {}

  get put(): number {
    return this.freed + this._frames.length
  }

  /** Take one more frame; false where it finds no room. An empty mailbox takes any one. */
  add(frame: Frame): boolean {
    this._bytes += sizeOf(frame)
    const { maxBufferedFrames, maxBufferedBytes } = this._limits
    const count = this._frames.push(frame)
    return count === 1 || (count <= maxBufferedFrames && this._bytes <= maxBufferedBytes)
  }

  /** The frame with this number, which must be above `freed`. */
  at(number: number): Frame {
    return this._frames[number - this.freed - 1]!
  }

  /** The frames from this number on, as many as one POST takes: at least one if there is one. */
  batch(first: number): Frame[] {
    const { maxBatchFrames, maxBatchBytes } = this._limits
    const frames = this._frames.slice(first - this.freed - 1).slice(0, maxBatchFrames)
    let bytes = 0
    const end = frames.findIndex(frame => (bytes += sizeOf(frame)) > maxBatchBytes)
    return end < 0 ? frames : frames.slice(0, end || 1)
  }

  /** The same for the POST that opens, which takes no exception. */
  openingBatch(): Frame[] {
    const frames = this.batch(1)
    return frames[0] !== undefined && sizeOf(frames[0]) > this._limits.maxBatchBytes ? [] : frames
  }

  /** Let go of what the server has. Not while an attachment is undecided: see `Session`. */
  free(): void {
    const gone = this._frames.splice(0, this.received - this.freed)
    for (const frame of gone) this._bytes -= sizeOf(frame)
    this.freed = this.received
  }
}
