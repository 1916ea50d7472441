// What the widget says, in the languages that it speaks.

import type { Level } from "./notice.js"
import type { Status } from "./tabs.js"

const english = {
  notices: "Notices",
  bell: (unread: number) => (unread ? `Notices, ${unread} unread` : "Notices"),
  empty: "Nothing new",
  emptyMore: "Notices for you will appear here.",
  close: "Close",
  dismiss: (what: string) => (what ? `Dismiss: ${what}` : "Dismiss"),
  more: "Show more",
  less: "Show less",
  open: (host: string) => `Open ${host}`,
  newTab: "(opens in a new tab)",
  unread: "Unread",
  now: "just now",
  level: { info: "Information", success: "Success", warning: "Warning", urgent: "Urgent" } as Record<Level, string>,
  status: { connecting: "Connecting…", online: "", offline: "Reconnecting…", refused: "" } as Record<Status, string>,
  disconnected: "You have been disconnected",
  signIn: "Sign in again to get notices.",
  notAllowed: "This account cannot get notices here.",
  unavailable: "Notices are not available on this page.",
}
export type Words = typeof english

const french: Words = {
  notices: "Notifications",
  bell: unread => (unread ? `Notifications, ${unread} non lue${unread > 1 ? "s" : ""}` : "Notifications"),
  empty: "Rien de nouveau",
  emptyMore: "Vos notifications apparaîtront ici.",
  close: "Fermer",
  dismiss: what => (what ? `Masquer : ${what}` : "Masquer"),
  more: "Afficher la suite",
  less: "Réduire",
  open: host => `Ouvrir ${host}`,
  newTab: "(dans un nouvel onglet)",
  unread: "Non lue",
  now: "à l’instant",
  level: { info: "Information", success: "Succès", warning: "Avertissement", urgent: "Urgent" },
  status: { connecting: "Connexion…", online: "", offline: "Reconnexion…", refused: "" },
  disconnected: "Vous avez été déconnecté",
  signIn: "Reconnectez-vous pour recevoir vos notifications.",
  notAllowed: "Ce compte ne peut pas recevoir de notifications ici.",
  unavailable: "Les notifications ne sont pas disponibles sur cette page.",
}

const LANGUAGES: Record<string, Words> = { en: english, fr: french }

/** The language of an element: of what is closest around it, else the browser's. */
export function languageOf(element: Element): string {
  return element.closest("[lang]")?.getAttribute("lang") || navigator.language || "en"
}

export function wordsFor(language: string): Words {
  return LANGUAGES[language.slice(0, 2).toLowerCase()] ?? english
}

/** What to tell a user whom the server refused. */
export function refusal(reason: string, words: Words): string {
  if (reason.startsWith("token_")) return words.signIn
  return reason === "origin_forbidden" ? words.unavailable : words.notAllowed
}

const STEPS: [unit: Intl.RelativeTimeFormatUnit, seconds: number][] = [
  ["day", 86_400], ["hour", 3_600], ["minute", 60],
]

/** How long ago something was, in words. */
export function ago(at: number, now: number, language: string): string {
  const seconds = (now - at) / 1_000
  const [unit, size] = STEPS.find(([, size]) => seconds >= size) ?? []
  if (!unit || !size) return wordsFor(language).now
  return new Intl.RelativeTimeFormat(wordsFor(language) === french ? "fr" : "en", { numeric: "auto" })
    .format(-Math.floor(seconds / size), unit)
}
