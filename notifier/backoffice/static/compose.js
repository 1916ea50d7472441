// What writing a notice does better with a script: the look as one types, users found by a few letters, a draft that
// outlasts the page. The form works without.

const said = JSON.parse(document.getElementById("words").textContent)
const fill = (text, values) => text.replace(/%\((\w+)\)s/g, (_, name) => values[name])
const make = (tag, attributes = {}, ...children) => {
  const element = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value)
  element.append(...children)
  return element
}

const form = document.getElementById("compose")
const confirmation = document.getElementById("confirm")
const preview = document.getElementById("preview")
const draft = `draft ${(form ?? confirmation).dataset.draft}`

function compose() {
  if (form.dataset.source === "blank") restore()
  const chooser = chooseUsers(document.getElementById("users"))
  form.addEventListener("input", () => {
    look()
    keep()
  })
  form.addEventListener("submit", () => {
    chooser.take()
    zone()
    keep()
  })
  form.addEventListener("keydown", event => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit(form.querySelector("[name=act]"))
  })
  document.getElementById("zone").textContent = said.your_time
  for (const field of form.querySelectorAll("[data-most]")) count(field)
  look()
  // What a link has filled in is nobody's draft until something is typed; it takes no other's place.
  if (form.dataset.source === "typed") keep()
}

function confirm() {
  confirmation.addEventListener("submit", event => {
    if (event.submitter?.value === "send") sessionStorage.setItem("sending", draft)
  })
}

// --- the look

function look() {
  const { level, title, text, link } = Object.fromEntries(new FormData(form))
  const notice = { level, title: title.trim(), body: text.trim(), link: link.trim() }
  preview.show(notice.title || notice.body ? notice : said.sample)
}

// --- the draft, and times

function keep() {
  const { csrf, once, ...typed } = Object.fromEntries(new FormData(form))
  sessionStorage.setItem(draft, JSON.stringify(typed))
}

function restore() {
  const typed = JSON.parse(sessionStorage.getItem(draft) ?? "{}")
  for (const [name, value] of Object.entries(typed)) {
    const field = form.elements[name]
    if (field) field.value = value
  }
}

// What a time here is in UTC: only the browser knows.
function zone() {
  const { expires_at, offset } = form.elements
  const minutes = new Date(expires_at.value).getTimezoneOffset()
  offset.value = Number.isNaN(minutes) ? "" : minutes
}

// How much room is left, once there is little: seen at once, and heard when typing pauses.
function count(field) {
  const most = Number(field.dataset.most)
  const seen = make("p", { class: "hint", "aria-hidden": "true" }), heard = make("p", { class: "unseen", role: "status" })
  field.after(seen, heard)
  let timer
  const tell = () => {
    const left = most - [...field.value.trim()].length
    seen.hidden = left > most / 10
    seen.textContent = seen.hidden ? "" : fill(left < 0 ? said.over : said.left, { n: Math.abs(left) })
    seen.classList.toggle("error", left < 0)
    clearTimeout(timer)
    timer = setTimeout(() => heard.textContent = seen.textContent, 1_000)
  }
  field.addEventListener("input", tell)
  tell()
}

// --- users, found as one types (a combobox as WAI-ARIA 1.2 has it)

function chooseUsers(field) {
  const ids = new Set(field.value.split("\n").map(id => id.trim()).filter(Boolean))
  const label = form.querySelector(`label[for=${field.id}]`)
  const input = make("input", {
    id: "users-find", role: "combobox", autocomplete: "off", autocapitalize: "none", spellcheck: "false",
    "aria-autocomplete": "list", "aria-expanded": "false", "aria-controls": "users-list",
  })
  for (const name of ["aria-describedby", "aria-invalid"]) {
    if (field.hasAttribute(name)) input.setAttribute(name, field.getAttribute(name))
  }
  const list = make("ul", { id: "users-list", role: "listbox", class: "options", "aria-label": label.textContent, hidden: "" })
  const chips = make("ul", { class: "chips", "aria-label": label.textContent })
  const told = make("p", { class: "hint" }), heard = make("p", { class: "unseen", role: "status" })
  field.hidden = true
  label.htmlFor = input.id
  document.getElementById("users-hint").textContent = said.find
  field.after(chips, make("div", { class: "combobox" }, input, list), told, heard)
  if (field.autofocus) input.focus()

  let asked = 0, active = -1, timer

  function show() {
    field.value = [...ids].join("\n")
    chips.replaceChildren(...[...ids].map(chip))
    chips.lastElementChild?.querySelector("button").setAttribute("tabindex", "0")
  }

  // All chips are one stop of the Tab key: the arrow keys go through them.
  function chip(id) {
    const button = make("button", { type: "button", tabindex: "-1", "aria-label": fill(said.remove, { id }) }, "×")
    button.addEventListener("click", () => drop(id))
    button.addEventListener("keydown", event => {
      const item = button.parentElement
      const next = { ArrowLeft: item.previousElementSibling, ArrowRight: item.nextElementSibling }[event.key]
      if (next) next.querySelector("button").focus()
      else if (event.key === "ArrowRight") input.focus()
      else if (event.key === "Delete" || event.key === "Backspace") drop(id)
      else return
      event.preventDefault()
    })
    return make("li", {}, make("bdi", {}, id), button)
  }

  function changed(words) {
    heard.textContent = words
    show()
    field.dispatchEvent(new Event("input", { bubbles: true }))
  }

  function add(...some) {
    for (const id of some) ids.add(id)
    input.value = ""
    close()
    changed(some.map(id => fill(said.added, { id })).join(", "))
  }

  function drop(id) {
    ids.delete(id)
    changed(fill(said.removed, { id }))
    input.focus()
  }

  function close() {
    asked++
    clearTimeout(timer)
    list.hidden = true
    told.textContent = ""
    active = -1
    input.setAttribute("aria-expanded", "false")
    input.removeAttribute("aria-activedescendant")
  }

  function move(to) {
    const all = [...list.children]
    if (list.hidden) return
    active = (to + all.length) % all.length
    all.forEach((one, at) => one.setAttribute("aria-selected", String(at === active)))
    all[active].scrollIntoView({ block: "nearest" })
    input.setAttribute("aria-activedescendant", all[active].id)
  }

  async function find() {
    const text = input.value.trim(), mine = ++asked
    if (!text) return close()
    const answer = await fetch(`${form.dataset.find}?q=${encodeURIComponent(text)}`).catch(() => null)
    if (mine !== asked) return
    if (answer?.status === 401) heard.textContent = told.textContent = said.ended
    if (!answer?.ok) return
    const found = (await answer.json()).users.filter(one => !ids.has(one.id))
    if (mine === asked) offerAll(found)
  }

  function offerAll(found) {
    active = -1
    input.removeAttribute("aria-activedescendant")
    list.replaceChildren(...found.map(offer))
    list.hidden = !found.length
    input.setAttribute("aria-expanded", String(!list.hidden))
    told.textContent = found.length ? "" : said.none
    heard.textContent = found.length ? fill(said.found, { n: found.length }) : said.none
  }

  function offer(user, at) {
    const option = make("li", { role: "option", id: `users-option-${at}`, "aria-selected": "false" }, make("bdi", {}, user.id))
    option.dataset.id = user.id
    if (user.name) option.append(" ", make("bdi", { class: "hint" }, user.name))
    if (user.is_disabled) option.append(" ", make("span", { class: "badge bad" }, said.kept_out))
    else if (user.is_online) option.append(" ", make("span", { class: "badge good" }, said.online))
    option.addEventListener("pointerdown", event => event.preventDefault()) // the field keeps the keyboard
    option.addEventListener("click", () => add(user.id))
    return option
  }

  function take() {
    const id = active >= 0 ? list.children[active].dataset.id : input.value.trim()
    if (id) add(id)
    return Boolean(id)
  }

  const keys = {
    Enter: take,
    ",": () => input.value.trim() && take(),
    ArrowDown: () => (move(active + 1), true),
    ArrowUp: () => (move(active < 0 ? -1 : active - 1), true),
    Escape: () => !list.hidden && (close(), true),
    Backspace: () => !input.value && ids.size && (drop([...ids].at(-1)), true),
  }

  input.addEventListener("input", event => {
    event.stopPropagation() // it is no part of the form until it is added
    clearTimeout(timer)
    timer = setTimeout(find, 150)
  })
  input.addEventListener("keydown", event => {
    if (event.ctrlKey || event.metaKey || event.isComposing) return
    if (keys[event.key]?.()) event.preventDefault()
  })
  input.addEventListener("paste", event => {
    const pasted = event.clipboardData.getData("text")
    const several = pasted.split(/[\r\n]/.test(pasted.trim()) ? /[\r\n]+/ : /[,;\t]/).map(id => id.trim()).filter(Boolean)
    if (several.length < 2) return
    event.preventDefault()
    add(...several)
  })
  input.addEventListener("blur", close)
  show()
  return { take }
}

if (form) compose()
else confirm()
