// Chromium, and how a test asks it for things: the one argument is JSON (executable, scenario, screenshots: a folder, or
// nothing, and what the scenario needs), what is printed is one JSON line a step.

import { chromium } from "playwright-core"

const PATIENCE_MS = 10_000

export const given = JSON.parse(process.argv[2])
export const browser = await chromium.launch({
  executablePath: given.executable,
  args: [
    "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-quic",
  ],
})

export const say = line => process.stdout.write(JSON.stringify(line) + "\n")

export async function newContext(options) {
  const context = await browser.newContext({ viewport: { width: 800, height: 800 }, ...options })
  context.setDefaultTimeout(PATIENCE_MS)
  return context
}

export async function visit(url, options) {
  const page = await (await newContext(options)).newPage()
  await page.goto(url)
  return page
}

// An operator who has just signed in, on the page where one writes: given are backoffice, name, password.
export async function signIn(options) {
  const operator = await visit(given.backoffice, options)
  await operator.getByLabel("Name").fill(given.name)
  await operator.getByLabel("Password").fill(given.password)
  await operator.getByRole("button", { name: "Sign in" }).click()
  await operator.getByRole("heading", { name: "Write a notice" }).waitFor()
  return operator
}

// What a page looks like on a phone and on a desk, by day and by night; it never scrolls sideways.
export async function portray(page, step) {
  for (const [width, height] of [[390, 844], [1280, 800]]) {
    await page.setViewportSize({ width, height })
    for (const colorScheme of ["light", "dark"]) {
      await page.emulateMedia({ colorScheme })
      const path = `${given.screenshots}/${step.replaceAll(" ", "-")}-${width}-${colorScheme}.png`
      await page.screenshot({ path, fullPage: true })
    }
    const needed = await page.evaluate(() => document.documentElement.scrollWidth)
    if (needed > width) throw new Error(`${step}: ${needed} px wide on ${width}`)
  }
}

export async function play(scenarios) {
  try {
    await scenarios[given.scenario]()
  } catch (error) {
    say({ error: String(error) })
    process.exitCode = 1
  } finally {
    await browser.close()
  }
}
