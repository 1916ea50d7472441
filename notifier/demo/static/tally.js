// Counts numbers that should go up by one each: what came, what is missing, what came again.

export class Tally {
  received = 0
  doubled = 0
  missing = new Set()
  #series = null
  #last = null

  /** Count one; true if it is new. Another series begins anew: the server was started again. */
  count({ series, number }) {
    if (series !== this.#series) {
      this.#series = series
      this.#last = number - 1
      this.missing.clear()
    }
    for (let one = this.#last + 1; one < number; one++) this.missing.add(one)
    const isNew = number > this.#last || this.missing.has(number)
    this.missing.delete(number)
    this.#last = Math.max(this.#last, number)
    if (isNew) this.received++
    else this.doubled++
    return isNew
  }
}
