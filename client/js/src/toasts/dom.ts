// How elements are made: by the DOM alone, so that no notice is ever read as HTML and a strict policy has no objection.

type Attributes = Record<string, string | boolean>

function fill<E extends Element>(element: E, attributes: Attributes, children: (Node | string)[]): E {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== false) element.setAttribute(name, value === true ? "" : value)
  }
  element.append(...children)
  return element
}

/** Make an element. An attribute that is false is left out; a text child stays text. */
export function make<K extends keyof HTMLElementTagNameMap>(
  tag: K, attributes: Attributes = {}, ...children: (Node | string)[]
): HTMLElementTagNameMap[K] {
  return fill(document.createElement(tag), attributes, children)
}

/** Make an icon of one path on a field of 24 by 24, which nobody hears of. */
export function icon(name: keyof typeof PATHS): SVGSVGElement {
  const svg = "http://www.w3.org/2000/svg"
  const path = fill(document.createElementNS(svg, "path"), { d: PATHS[name] }, [])
  const attributes = { class: "icon", viewBox: "0 0 24 24", "aria-hidden": "true", part: "icon" }
  return fill(document.createElementNS(svg, "svg"), attributes, [path])
}

const PATHS = {
  info: "M12 10.5v7.5M12 6v.1",
  success: "M6.5 12.5l3.8 3.8 7.2-8",
  warning: "M12 5.5v8M12 18v.1",
  urgent: "M12 3.5l9 16H3zM12 10v4.5M12 16.9v.1",
  bell: "M6 17V11a6 6 0 0 1 12 0v6l1.5 1.5h-15zM10 21.2h4",
  close: "M6.5 6.5l11 11M17.5 6.5l-11 11",
  link: "M8 16L16.5 7.5M9.5 7h7.5v7.5",
} as const
