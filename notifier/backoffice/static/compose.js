// What writing a notice does better with a script: the look as one types, users found by a few letters, a draft that
// outlasts the page. The form works without.

import { words } from "./backoffice.js"

const said = words()
const fill = (text, values) => text.replace(/%\((\w+)\)s/g, (_, name) => values[name])
const make = (tag, attributes = {}, ...children) => {
  const element = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value)
  element.append(...children)
  return element
}

const form = document.getElementById("compose")
const preview = document.getElementById("preview")
const draft = `draft ${(form ?? document.getElementById("confirm"))?.dataset.draft}`

if (form) {
  restore()
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
} else {
  draw(JSON.parse(preview.dataset.notice))
  // Sent once it is on its way: what fails comes back on this page, with all of it.
  document.getElementById("confirm").addEventListener("submit", event => {
    if (event.submitter?.value === "send") sessionStorage.removeItem(draft)
  })
}

// --- the look

function look() {
  const { level, title, text, link } = Object.fromEntries(new FormData(form))
  if (title.trim() || text.trim()) draw({ level, title: title.trim(), body: text.trim(), link: link.trim() })
  else preview.replaceChildren(make("p", { class: "hint" }, said.sample))
}

// As the widget draws it, where the server has it; else as the page did.
async function draw(notice) {
  await import("/client/notifier-toasts.js").catch(() => {})
  if (customElements.get("notifier-card")) {
    let card = preview.querySelector("notifier-card")
    if (!card) preview.replaceChildren(card = make("notifier-card"))
    card.notice = notice
    return
  }
  const card = make("div", { class: `notice ${notice.level}` })
  if (notice.title) card.append(make("p", { class: "title", dir: "auto" }, notice.title))
  card.append(make("p", { class: "text", dir: "auto" }, notice.body))
  preview.replaceChildren(card)
}

// --- the draft, and times

function keep() {
  const { csrf, once, ...typed } = Object.fromEntries(new FormData(form))
  sessionStorage.setItem(draft, JSON.stringify(typed))
}

function restore() {
  if (!("fresh" in form.dataset)) return
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

function count(field) {
  const most = Number(field.dataset.most)
  const told = make("p", { class: "hint", role: "status" })
  field.after(told)
  const tell = () => {
    const left = most - field.value.trim().length
    told.hidden = left > most / 10
    told.textContent = told.hidden ? "" : fill(said.left, { n: left })
    told.classList.toggle("error", left < 0)
  }
  field.addEventListener("input", tell)
  tell()
}

// --- users, found as one types (a combobox as WAI-ARIA 1.2 has it)

function chooseUsers(field) {
  const ids = new Set(field.value.split("\n").map(id => id.trim()).filter(Boolean))
  const label = form.querySelector(`label[for=${field.id}]`)
  const describedBy = field.getAttribute("aria-describedby") ?? ""
  const input = make("input", {
    id: "users-find", role: "combobox", autocomplete: "off", autocapitalize: "none", spellcheck: "false",
    "aria-autocomplete": "list", "aria-expanded": "false", "aria-controls": "users-list", "aria-describedby": describedBy,
  })
  if (field.getAttribute("aria-invalid")) input.setAttribute("aria-invalid", "true")
  const list = make("ul", { id: "users-list", role: "listbox", class: "options", "aria-label": label.textContent, hidden: "" })
  const chips = make("ul", { class: "chips" })
  const heard = make("p", { class: "unseen", role: "status" })
  field.hidden = true
  label.htmlFor = input.id
  document.getElementById("users-hint").textContent = ""
  field.after(chips, make("div", { class: "combobox" }, input, list), heard)
  if (field.autofocus) input.focus()

  let asked = 0, active = -1, timer
  const options = () => [...list.children].filter(one => one.dataset.id)

  function show() {
    field.value = [...ids].join("\n")
    chips.replaceChildren(...[...ids].map(id => {
      const button = make("button", { type: "button", "aria-label": fill(said.remove, { id }) }, "×")
      button.addEventListener("click", () => drop(id))
      return make("li", {}, make("bdi", {}, id), button)
    }))
    field.dispatchEvent(new Event("input", { bubbles: true }))
  }

  function add(...some) {
    for (const id of some) ids.add(id)
    heard.textContent = some.map(id => fill(said.added, { id })).join(", ")
    input.value = ""
    close()
    show()
  }

  function drop(id) {
    ids.delete(id)
    heard.textContent = fill(said.removed, { id })
    show()
    input.focus()
  }

  function close() {
    asked++
    clearTimeout(timer)
    list.hidden = true
    active = -1
    input.setAttribute("aria-expanded", "false")
    input.removeAttribute("aria-activedescendant")
  }

  function move(to) {
    const all = options()
    if (!all.length) return
    active = (to + all.length) % all.length
    all.forEach((one, at) => one.setAttribute("aria-selected", String(at === active)))
    all[active].scrollIntoView({ block: "nearest" })
    input.setAttribute("aria-activedescendant", all[active].id)
  }

  async function find() {
    const text = input.value.trim(), mine = ++asked
    if (!text) return close()
    const answer = await fetch(`${form.dataset.find}?q=${encodeURIComponent(text)}`).catch(() => null)
    if (mine !== asked || !answer?.ok) return
    const found = (await answer.json()).users.filter(one => !ids.has(one.id))
    if (mine !== asked) return
    active = -1
    list.replaceChildren(...found.map((one, at) => offer(one, at)))
    if (!found.length) list.append(make("li", { class: "hint", role: "presentation" }, said.none))
    list.hidden = false
    input.setAttribute("aria-expanded", "true")
    heard.textContent = found.length ? fill(said.found, { n: found.length }) : said.none
  }

  function offer(user, at) {
    const option = make("li", { role: "option", id: `users-option-${at}`, "aria-selected": "false" }, make("bdi", {}, user.id))
    option.dataset.id = user.id
    if (user.name) option.append(" ", make("bdi", { class: "hint" }, user.name))
    if (user.kept_out) option.append(" ", make("span", { class: "badge bad" }, said.kept_out))
    else if (user.online) option.append(" ", make("span", { class: "badge good" }, said.online))
    option.addEventListener("pointerdown", event => event.preventDefault()) // the field keeps the keyboard
    option.addEventListener("click", () => add(user.id))
    return option
  }

  function take() {
    const id = input.value.trim()
    if (id) add(id)
  }

  input.addEventListener("input", event => {
    event.stopPropagation()
    clearTimeout(timer)
    timer = setTimeout(find, 150)
  })
  input.addEventListener("keydown", event => {
    if (event.ctrlKey || event.metaKey || event.isComposing) return
    if (event.key === "Enter" && (input.value.trim() || active >= 0)) {
      event.preventDefault()
      active >= 0 ? add(options()[active].dataset.id) : take()
    } else if (event.key === "," && input.value.trim()) {
      event.preventDefault()
      take()
    } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault()
      move(event.key === "ArrowDown" ? active + 1 : active < 0 ? -1 : active - 1)
    } else if (event.key === "Escape" && !list.hidden) {
      event.preventDefault()
      close()
    } else if (event.key === "Backspace" && !input.value && ids.size) {
      drop([...ids].at(-1))
    }
  })
  input.addEventListener("paste", event => {
    const lines = event.clipboardData.getData("text").split(/[\n,;]/).map(id => id.trim()).filter(Boolean)
    if (lines.length < 2) return
    event.preventDefault()
    add(...lines)
  })
  input.addEventListener("blur", close)
  show()
  return { take }
}
