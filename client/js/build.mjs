// Builds the package: `node build.mjs`. Prints the size of our own part, and fails above the limit.

import { build } from "esbuild"
import { readFileSync } from "node:fs"
import { gzipSync } from "node:zlib"

const MAX_BYTES = 6 * 1024
const { version } = JSON.parse(readFileSync(new URL("package.json", import.meta.url), "utf8"))
const banner = { js: `/*! notifier-client ${version} | MIT */` }
const shared = {
  absWorkingDir: import.meta.dirname ?? new URL(".", import.meta.url).pathname,
  entryPoints: ["src/index.ts"],
  bundle: true,
  format: "esm",
  target: "es2020",
  logLevel: "warning",
}
const small = { minify: true, mangleProps: /^_/, banner }

await build({ ...shared, external: ["phoenix"], outfile: "dist/index.js" })
await build({ ...shared, ...small, outfile: "dist/notifier-client.js" })
const own = await build({ ...shared, ...small, external: ["phoenix"], write: false, outfile: "own.js" })

const bytes = gzipSync(own.outputFiles[0].contents, { level: 9 }).length
console.log(`notifier-client ${version}: ${bytes} bytes of at most ${MAX_BYTES}, minified and gzipped, without phoenix.js`)
if (bytes >= MAX_BYTES) process.exit(1)
