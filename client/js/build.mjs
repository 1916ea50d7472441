// Builds the package: `node build.mjs`. Prints the sizes of what pages load, and fails above a limit.

import { build } from "esbuild"
import { readFileSync } from "node:fs"
import { gzipSync } from "node:zlib"

const { version } = JSON.parse(readFileSync(new URL("package.json", import.meta.url), "utf8"))
const shared = {
  absWorkingDir: import.meta.dirname ?? new URL(".", import.meta.url).pathname,
  bundle: true,
  format: "esm",
  target: "es2020",
  logLevel: "warning",
}
const client = { ...shared, entryPoints: ["src/index.ts"] }
const toasts = { ...shared, entryPoints: ["src/toasts/index.ts"] }
const small = name => ({ minify: true, mangleProps: /^_/, banner: { js: `/*! ${name} ${version} | MIT */` } })

await build({ ...client, external: ["phoenix"], outfile: "dist/index.js" })
await build({ ...client, ...small("notifier-client"), outfile: "dist/notifier-client.js" })
await build({ ...toasts, ...small("notifier-toasts"), outfile: "dist/notifier-toasts.js" })

/** Print how large a file is when it goes over the wire, and fail if that is too large. */
async function measure(name, options, maxBytes, what) {
  const { outputFiles } = await build({ ...options, ...small(name), write: false, outfile: "measured.js" })
  const bytes = gzipSync(outputFiles[0].contents, { level: 9 }).length
  console.log(`${name} ${version}: ${bytes} bytes of at most ${maxBytes}, minified and gzipped, ${what}`)
  if (bytes >= maxBytes) process.exitCode = 1
}

await measure("notifier-client", { ...client, external: ["phoenix"] }, 6 * 1024, "without phoenix.js")
await measure("notifier-toasts", toasts, 24 * 1024, "with everything")
