// The reserved words of the wire, spelled as in the server's `protocol/events.py` and `protocol/reasons.py`.

export const PHOENIX_TOPIC = "phoenix"
export const HEARTBEAT = "heartbeat"

// Control frames of topic `phoenix`: these three are not counted, all others are.
export const PROBE = "probe"
export const ACK = "ack"
export const RESUMED = "resumed"

/** The WebSocket was given up, or the session dropped, by the client: never 1000, which says goodbye. */
export const GIVEN_UP = 4000
/** More waited to be sent than the buffer holds. */
export const BUFFER_FULL = 4008
/** The session is gone on the server: so phoenix.js is told of it. */
export const SESSION_GONE = 4410
/** The server does not let this user attach to this session. */
export const NOT_YOURS = 4403
/** The server refused to open, as phoenix.js tells of a 403. */
export const FORBIDDEN = 1008
/** Nothing got through, as browsers tell of it. */
export const UNREACHABLE = 1006
/** A goodbye on the live WebSocket. */
export const GOODBYE = 1000
