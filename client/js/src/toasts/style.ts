// How it looks: a constructed style sheet, which needs no leave of a page's policy.

const LIGHT = `
  --_surface: var(--notifier-surface, #fff); --_ink: var(--notifier-ink, #1b1f24); --_soft: var(--notifier-soft, #57606a);
  --_edge: var(--notifier-edge, #d9dde2); --_accent: var(--notifier-accent, #1f5fbf);
  --_info: var(--notifier-info, #1f5fbf); --_success: var(--notifier-success, #1a7346);
  --_warning: var(--notifier-warning, #8a5a00); --_urgent: var(--notifier-urgent, #b3261e);
  --_shadow: var(--notifier-shadow, 0 1px 2px rgb(20 28 40 / .08), 0 8px 28px rgb(20 28 40 / .16));`

const DARK = `
  --_surface: var(--notifier-surface, #20252c); --_ink: var(--notifier-ink, #e8eaed); --_soft: var(--notifier-soft, #a9b1bb);
  --_edge: var(--notifier-edge, #3a414b); --_accent: var(--notifier-accent, #8ab4f8);
  --_info: var(--notifier-info, #8ab4f8); --_success: var(--notifier-success, #8fd6a8);
  --_warning: var(--notifier-warning, #f0d07a); --_urgent: var(--notifier-urgent, #ffb4ab);
  --_shadow: var(--notifier-shadow, 0 1px 2px rgb(0 0 0 / .4), 0 8px 28px rgb(0 0 0 / .5));`

const SURROUNDINGS = `
:host {
  all: initial; visibility: inherit;
  color-scheme: light; ${LIGHT}
  --_width: var(--notifier-width, 24rem); --_inset: var(--notifier-inset, 1rem);
  --_radius: var(--notifier-radius, .75rem); --_z: var(--notifier-z-index, 2147483000);
  font: var(--notifier-font-size, .9375rem)/1.45 var(--notifier-font, system-ui, -apple-system, "Segoe UI", Roboto, sans-serif);
  color: var(--_ink);
}
:host([hidden]) { display: none }
@media (prefers-color-scheme: dark) { :host(:not([theme=light])) { color-scheme: dark; ${DARK} } }
:host([theme=dark]) { color-scheme: dark; ${DARK} }
*, *::before, *::after { box-sizing: border-box }
[hidden] { display: none !important }
p, h2, ul { margin: 0; padding: 0; list-style: none }
button { font: inherit; color: inherit; background: none; border: 0; padding: 0; cursor: pointer }
:focus { outline: none }
:focus-visible { outline: .15rem solid var(--_accent); outline-offset: .125rem }
.unheard { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap }
.icon { width: 1em; height: 1em; fill: none; stroke: currentColor; stroke-width: 2; stroke-linecap: round; stroke-linejoin: round; flex: none }
`

const CARD = `
.card {
  --_level: var(--_info);
  position: relative; display: flex; gap: .75rem; padding: .875rem 1rem; overflow: clip;
  background: var(--_surface); color: var(--_ink); border-inline-start: .25rem solid var(--_level);
}
.success { --_level: var(--_success) } .warning { --_level: var(--_warning) } .urgent { --_level: var(--_urgent) }
.face {
  flex: none; display: grid; place-items: center; width: 2rem; height: 2rem; border-radius: 50%; font-size: 1.25rem;
  color: var(--_level); background: color-mix(in srgb, var(--_level) 14%, var(--_surface));
}
.content { flex: 1; min-width: 0; position: relative }
.title { font-weight: 650; overflow-wrap: anywhere; line-height: 1.35 }
.title + .body { margin-block-start: .125rem }
.body {
  white-space: pre-wrap; overflow-wrap: anywhere;
  display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 4; overflow: hidden;
}
.open .body { display: block }
.more { margin-block-start: .25rem; color: var(--_accent); font-weight: 600; font-size: .9em; border-radius: .25rem; min-height: 1.5rem }
.more:hover, a:hover { text-decoration: underline }
.foot { display: flex; flex-wrap: wrap; align-items: center; gap: .125rem 1rem; margin-block-start: .375rem; font-size: .875em }
.foot:empty { display: none }
a { display: inline-flex; align-items: center; gap: .25rem; min-height: 1.5rem; color: var(--_accent); font-weight: 600; text-decoration: none; overflow-wrap: anywhere; border-radius: .25rem }
time { color: var(--_soft) }
.close {
  flex: none; display: grid; place-items: center; width: 2rem; height: 2rem; margin: -.25rem; margin-inline-end: -.5rem;
  border-radius: .5rem; color: var(--_soft); font-size: 1.125rem;
}
.close:hover { color: var(--_ink); background: color-mix(in srgb, var(--_ink) 8%, transparent) }
@media (forced-colors: active) { .card, .bell, .panel, .badge { border: 1px solid } .card { border-inline-start-width: .25rem } }
`

const WIDGET = `
.bell, .corner { position: fixed; z-index: var(--_z); inset-block-start: var(--_inset); right: var(--_inset) }
.bell {
  display: grid; place-items: center; width: 2.75rem; height: 2.75rem; border-radius: 50%; font-size: 1.375rem;
  background: var(--_surface); color: var(--_ink); border: 1px solid var(--_edge); box-shadow: var(--_shadow);
}
.bell .icon { stroke-width: 1.75 }
.bell:hover { border-color: var(--_soft) }
.badge {
  position: absolute; inset-block-start: -.3rem; inset-inline-end: -.3rem; min-width: 1.25rem; height: 1.25rem; padding-inline: .3rem;
  border-radius: 1rem; font-size: .75rem; line-height: 1.25rem; font-weight: 700; text-align: center;
  background: var(--_urgent); color: var(--_surface);
}
.corner {
  display: flex; flex-direction: column; width: var(--_width); max-width: calc(100% - 2 * var(--_inset)); pointer-events: none;
  inset-block-start: calc(var(--_inset) + 3.25rem); max-height: calc(100% - 2 * var(--_inset) - 3.25rem);
}
.corner > * { pointer-events: auto }
.stack { display: flex; flex-direction: column; gap: .625rem; overflow-y: auto; min-height: 0; padding: .75rem 1.75rem 2.5rem; margin: -.75rem -1.75rem -2.5rem; pointer-events: none; scrollbar-width: none }
.stack .card { flex: none; pointer-events: auto; border-radius: var(--_radius); box-shadow: var(--_shadow), 0 0 0 1px var(--_edge) }
.panel {
  display: flex; flex-direction: column; min-height: 0; max-height: 36rem; overflow: clip;
  background: var(--_surface); border: 1px solid var(--_edge); border-radius: var(--_radius); box-shadow: var(--_shadow);
}
.panel:focus-visible { outline: none }
.head { display: flex; align-items: center; justify-content: space-between; padding: .75rem 1rem .75rem 1.25rem; border-block-end: 1px solid var(--_edge) }
.head:dir(rtl) { padding: .75rem 1.25rem .75rem 1rem }
.head .close { margin: 0; margin-inline-end: -.5rem }
h2 { font-size: 1.0625rem; font-weight: 650 }
.state { padding: .625rem 1.25rem; color: var(--_soft); background: color-mix(in srgb, var(--_ink) 4%, var(--_surface)); border-block-end: 1px solid var(--_edge) }
.state:empty { display: none }
.list { overflow-y: auto; min-height: 0; overscroll-behavior: contain }
.list:focus-visible { outline-offset: -.2rem }
li { position: relative }
li + li { border-block-start: 1px solid var(--_edge) }
li .card { padding-inline-end: 2rem }
li.unread .card { background: color-mix(in srgb, var(--_accent) 6%, var(--_surface)) }
.dot { position: absolute; z-index: 1; inset-block-start: 1.4rem; inset-inline-end: .875rem; width: .5625rem; height: .5625rem; border-radius: 50%; background: var(--_accent) }
.empty { padding: 2.5rem 1.5rem; text-align: center; color: var(--_soft) }
.empty .icon { font-size: 2.25rem; stroke-width: 1.5; margin-block-end: .5rem; opacity: .7 }
.empty .title { color: var(--_ink) }
:host([bell=none]) .bell { display: none }
:host([bell=inline]) .bell { position: relative; inset: auto; z-index: auto; box-shadow: none }
:host([bell=inline]) .corner, :host([bell=none]) .corner { inset-block-start: var(--_inset); max-height: calc(100% - 2 * var(--_inset)) }
:host([position$=left]) .bell, :host([position$=left]) .corner { right: auto; left: var(--_inset) }
:host([position^=bottom]) .bell { inset-block: auto var(--_inset) }
:host([position^=bottom]) .corner { inset-block: auto calc(var(--_inset) + 3.25rem); flex-direction: column-reverse }
:host([position^=bottom][bell]) .corner { inset-block-end: var(--_inset) }
:host([position^=bottom]) .stack { flex-direction: column-reverse }
:host([bell=inline]) .bell { inset: auto }
@media (prefers-reduced-motion: no-preference) {
  .stack .card { animation: come .2s ease-out }
  .panel { animation: come .14s ease-out }
  @keyframes come { from { opacity: 0; transform: translateY(-.5rem) } }
}
@media (forced-colors: active) { .dot { background: Highlight; forced-color-adjust: none } }
`

function sheet(...parts: string[]): CSSStyleSheet {
  const made = new CSSStyleSheet()
  made.replaceSync(parts.join(""))
  return made
}

let card: CSSStyleSheet | undefined
let widget: CSSStyleSheet | undefined

/** The sheets of a card by itself, and with the bell and toasts around it; each is made once a page. */
export function cardSheets(): CSSStyleSheet[] {
  return [card ??= sheet(SURROUNDINGS, CARD)]
}

export function widgetSheets(): CSSStyleSheet[] {
  return [...cardSheets(), widget ??= sheet(WIDGET)]
}
