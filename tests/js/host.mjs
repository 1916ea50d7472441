// A host application in another language: what it does over the API, and what its users see.
// node host.mjs ADDRESS KEY: prints one JSON object of all that was answered.

const [address, key] = process.argv.slice(2)

async function api(method, path, body, headers = {}) {
    const answer = await fetch(`${address}/api/v1${path}`, {
        method,
        headers: { Authorization: `Bearer ${key}`, "Content-Type": "application/json", ...headers },
        body: body && JSON.stringify(body),
    })
    return { status: answer.status, ...(await answer.json()) }
}

// A user's browser, as far as it matters here: one request opens a session and joins.
async function visit(user, token) {
    const query = new URLSearchParams({ vsn: "2.0.0", token, join: `user:${user}` })
    const answer = await (await fetch(`${address}/socket/longpoll?${query}`)).json()
    const messages = (answer.messages ?? []).map((one) => JSON.parse(one))
    return {
        status: answer.status,
        reason: answer.reason,
        session: answer.token,
        bodies: messages.filter((one) => one[3] === "new_msg").map((one) => one[4].body),
    }
}

async function poll(session) {
    const answer = await fetch(`${address}/socket/longpoll?${new URLSearchParams({ token: session })}`)
    const { status, messages = [] } = await answer.json()
    return { status, bodies: messages.map((one) => JSON.parse(one)[4].body) }
}

const told = {}
told.made = [await api("POST", "/users", { id: "ann" }), await api("POST", "/users", { id: "bob/b" })]
const { token } = await api("POST", "/tokens", { user: "ann", max_age_s: 3600 })
const bobs = (await api("POST", "/tokens", { user: "bob/b" })).token

// Ann is there, and gets what is sent at once.
const ann = await visit("ann", token)
told.first = await api("POST", "/notices", { to: { users: ["ann"] }, body: "one" })
told.live = await poll(ann.session)

// Ann leaves; what is sent meanwhile, twice for all that the network says, waits once.
told.left = await api("POST", "/users/ann/disconnect")
const once = { "Idempotency-Key": "order-7" }
const notice = { to: { users: ["ann", "bob/b"] }, title: "Parcel", body: "two" }
told.second = await api("POST", "/notices", notice, once)
told.again = await api("POST", "/notices", notice, once)
told.back = await visit("ann", token)
told.state = await api("GET", `/notices/${told.second.id}`)

// Bob has to go, and cannot return.
told.bob = await visit("bob/b", bobs)
told.out = await api("POST", `/users/${encodeURIComponent("bob/b")}/disable`)
told.refused = await visit("bob/b", bobs)
told.none = await api("POST", "/tokens", { user: "bob/b" })
told.problem = await api("POST", "/publish", { topic: "room:lobby" })
console.log(JSON.stringify(told))
