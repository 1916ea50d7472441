// <notice-preview>: a notice as the customer sees it. The page draws one without a script; here the widget's own card
// takes its place, where the server has the widget: asked for once, and not before there is something to see.

let widget

class NoticePreview extends HTMLElement {
  drawn = 0

  connectedCallback() {
    if (this.dataset.notice) this.show(JSON.parse(this.dataset.notice))
  }

  // Draw `{level, title, body, link}`, or the words given instead of a notice.
  async show(notice) {
    const mine = ++this.drawn
    if (typeof notice === "string") return this.replaceChildren(paragraph("hint", notice))
    await (widget ??= import("/client/notifier-toasts.js").catch(() => null))
    if (mine !== this.drawn) return
    if (customElements.get("notifier-card")) this.drawAsWidget(notice)
    else this.replaceChildren(plainCard(notice))
  }

  drawAsWidget(notice) {
    let card = this.querySelector("notifier-card")
    if (!card) this.replaceChildren(card = document.createElement("notifier-card"))
    card.notice = notice
  }
}

// As the page draws it without a script.
function plainCard({ level, title, body, link }) {
  const card = document.createElement("div")
  card.className = `notice ${level}`
  if (title) card.append(paragraph("title", title))
  card.append(paragraph("text", body))
  if (/^https?:\/\/./.test(link)) {
    const anchor = document.createElement("a")
    Object.assign(anchor, { href: link, target: "_blank", rel: "noopener noreferrer", textContent: link })
    card.append(anchor)
  }
  return card
}

function paragraph(name, text) {
  return Object.assign(document.createElement("p"), { className: name, dir: "auto", textContent: text })
}

customElements.define("notice-preview", NoticePreview)
