// Makes user tokens by the recipe in docs/tokens.md, with nothing but node:crypto.
//
// The one argument is JSON, a list of {key, payload, time} for ours and {secret, header, payload} for JSON Web Tokens;
// payloads and headers are texts, signed as they stand. Prints the list of tokens.

import { createHash, createHmac } from "node:crypto"

function userToken({ key, payload, time }) {
  const derived = createHash("sha256").update("notifier.user" + "signer" + key).digest()
  const seconds = Buffer.alloc(4)
  seconds.writeUInt32BE(time)
  return sign([Buffer.from(payload), seconds], derived)
}

function jsonWebToken({ secret, header, payload }) {
  return sign([Buffer.from(header), Buffer.from(payload)], secret)
}

function sign(parts, key) {
  const signed = parts.map(part => part.toString("base64url")).join(".")
  return signed + "." + createHmac("sha256", key).update(signed).digest("base64url")
}

const given = JSON.parse(process.argv[2])
console.log(JSON.stringify(given.map(one => (one.secret ? jsonWebToken(one) : userToken(one)))))
