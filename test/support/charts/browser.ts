/**
 * A real browser, which says whether pages are what they should be.
 *
 * @module
 */

import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable, Writable } from 'node:stream'

/** The first Chromium that is installed; `undefined` when none is. */
export const chromium: string | undefined = ['chromium', 'chromium-browser', 'google-chrome'].find(
  name => spawnSync(name, ['--version']).status === 0,
)

const OPTIONS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-dev-shm-usage',
  '--window-size=1000,700',
  '--remote-debugging-pipe',
]

/** Milliseconds that a page and its script may take. */
const LIMIT = 120_000

/** What scripts find besides the page. */
const HELPERS = `
  const said = []
  const say = value => said.push(value)
  const key = key => document.activeElement.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true }))
  const drawn = () => new Promise(resolve => requestAnimationFrame(() => requestAnimationFrame(resolve)))
  const event = name => new Promise(resolve => addEventListener(name, resolve, { once: true }))
  const byId = id => document.getElementById(id)
`

/**
 * Opens a page and lets a script do what a user would do.
 *
 * @param script statements that call `say(value)`, and may await `drawn()` and `event(name)` of the window
 * @returns what the script has said, behind the errors of the page
 */
export async function inBrowser(page: string, script: string): Promise<unknown[]> {
  const folder = mkdtempSync(join(tmpdir(), 'ebpf-ts-browser-'))
  const child = spawn(chromium!, [...OPTIONS, `--user-data-dir=${join(folder, 'profile')}`], {
    stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'],
    detached: true,
  })
  const ended = once(child, 'close')
  const late = setTimeout(end, LIMIT, child)
  try {
    const file = join(folder, 'page.html')
    writeFileSync(file, page)
    const devTools = new DevTools(child)
    const { targetId } = await devTools.call('Target.createTarget', { url: 'about:blank' })
    const { sessionId } = await devTools.call('Target.attachToTarget', { targetId, flatten: true })
    devTools.session = sessionId as string
    await devTools.call('Page.enable')
    await devTools.call('Runtime.enable')
    const loaded = devTools.event('Page.loadEventFired')
    await devTools.call('Page.navigate', { url: `file://${file}` })
    await loaded
    const { result, exceptionDetails } = await devTools.call('Runtime.evaluate', {
      expression: `(async () => {${HELPERS}${script}\n;return said})()`,
      awaitPromise: true,
      returnByValue: true,
    })
    if (exceptionDetails !== undefined) throw new Error(JSON.stringify(exceptionDetails))
    return [...devTools.errors, ...((result as { value: unknown[] }).value ?? [])]
  } finally {
    clearTimeout(late)
    end(child)
    await ended
    rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 })
  }
}

type Answer = Record<string, unknown>

/** Ends the browser with its other processes, which would write into its folder. */
function end(child: ChildProcess): void {
  if (child.exitCode === null && child.signalCode === null) process.kill(-child.pid!, 'SIGKILL')
}

/** The DevTools protocol over pipes: messages with a NUL byte behind each. */
class DevTools {
  session: string | undefined
  /** Errors that scripts of the page did not catch. */
  readonly errors: string[] = []
  readonly #input: Writable
  readonly #waiting = new Map<
    number | string,
    { resolve: (answer: Answer) => void; reject: (error: Error) => void }
  >()
  #text = ''
  #id = 0

  constructor(child: ChildProcess) {
    this.#input = child.stdio[3] as Writable
    const output = child.stdio[4] as Readable
    output.setEncoding('utf8')
    output.on('data', (text: string) => {
      const messages = (this.#text + text).split('\0')
      this.#text = messages.pop()!
      for (const message of messages) this.#receive(JSON.parse(message) as Answer)
    })
    child.once('close', () => {
      for (const { reject } of this.#waiting.values()) reject(new Error('The browser has ended'))
    })
  }

  call(method: string, params: Answer = {}): Promise<Answer> {
    const id = ++this.#id
    this.#input.write(`${JSON.stringify({ id, method, params, sessionId: this.session })}\0`)
    return this.#wait(id)
  }

  event(name: string): Promise<Answer> {
    return this.#wait(name)
  }

  #wait(what: number | string): Promise<Answer> {
    return new Promise((resolve, reject) => this.#waiting.set(what, { resolve, reject }))
  }

  #receive({ id, method, params, result, error }: Answer): void {
    if (method === 'Runtime.exceptionThrown') this.errors.push(`error: ${JSON.stringify(params)}`)
    const what = (id ?? method) as number | string
    const waiting = this.#waiting.get(what)
    this.#waiting.delete(what)
    if (error !== undefined) waiting?.reject(new Error(JSON.stringify(error)))
    else waiting?.resolve((result ?? {}) as Answer)
  }
}
