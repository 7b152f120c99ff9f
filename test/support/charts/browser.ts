/**
 * A real browser, which says whether pages are what they should be.
 *
 * @module
 */

import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** The first Chromium that is installed; `undefined` when none is. */
export const chromium: string | undefined = ['chromium', 'chromium-browser', 'google-chrome'].find(
  name => spawnSync(name, ['--version']).status === 0,
)

/**
 * Opens a page and lets a script do what a user would do.
 *
 * @param page the page, or a picture within one
 * @param script statements that call `say(value)`, and may `await`
 * @returns what the script has said; an error of the page is said too
 */
export function inBrowser(page: string, script: string): unknown[] {
  const folder = mkdtempSync(join(tmpdir(), 'ebpf-ts-browser-'))
  try {
    const file = join(folder, 'page.html')
    const errors = `<script>var said = []; addEventListener('error', event => said.push('error: ' + event.message))</script>`
    const user = `<script>
      const say = value => said.push(value)
      const key = (key, more) => document.activeElement.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, ...more }))
      const settled = () => new Promise(resolve => setTimeout(resolve, 100))
      const byId = id => document.getElementById(id)
      settled().then(async () => {${script}}).catch(error => say('error: ' + error.message)).then(() => {
        document.body.textContent = 'said:' + btoa(unescape(encodeURIComponent(JSON.stringify(said)))) + ';'
      })
    </script>`
    writeFileSync(file, page.replace('<head>', `<head>${errors}`).replace('</body>', `${user}</body>`))
    const options = [
      '--headless',
      '--no-sandbox',
      '--disable-gpu',
      '--window-size=1000,700',
      '--virtual-time-budget=10000',
    ]
    const { stdout } = spawnSync(
      chromium!,
      [...options, `--user-data-dir=${join(folder, 'profile')}`, '--dump-dom', `file://${file}`],
      { encoding: 'utf8', timeout: 120_000 },
    )
    const said = /said:([\w+/=]*);/.exec(stdout)?.[1]
    if (said === undefined) throw new Error(`The browser has said nothing: ${stdout.slice(0, 500)}`)
    return JSON.parse(Buffer.from(said, 'base64').toString()) as unknown[]
  } finally {
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
  }
}
