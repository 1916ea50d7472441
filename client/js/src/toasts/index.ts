import { NotifierCard } from "./preview.js"
import { NotifierToasts } from "./element.js"

export { NotifierCard, NotifierToasts }

// A page may have loaded this twice, from two addresses.
if (!customElements.get("notifier-toasts")) customElements.define("notifier-toasts", NotifierToasts)
if (!customElements.get("notifier-card")) customElements.define("notifier-card", NotifierCard)
