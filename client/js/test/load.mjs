// Gives tests the source as it stands, or with one piece of it replaced.

import { build } from "esbuild"

const root = new URL("..", import.meta.url).pathname

/** Bundle a file of `src/` and import it. `[search, replacement]` must stand in it exactly once. */
export async function load(name, mutation = null) {
  const { outputFiles } = await build({
    absWorkingDir: root, entryPoints: [`src/${name}.ts`], bundle: true, format: "esm", external: ["phoenix"], write: false,
  })
  let code = outputFiles[0].text
  if (mutation) {
    const [search, replacement] = mutation
    const times = code.split(search).length - 1
    if (times !== 1) throw new Error(`expected ${search} once, found it ${times} times`)
    code = code.replace(search, () => replacement)
  }
  return import(`data:text/javascript;base64,${Buffer.from(code).toString("base64")}`)
}
