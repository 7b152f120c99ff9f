/**
 * A flame graph of a busy Node.js server, with the names of its JavaScript functions: starts the server, asks it for pages,
 * profiles it and writes FILE. The form of the file is the end of its name: .html, .svg, .speedscope.json, .pb.gz, .folded.
 *
 *     npm run build && npm run build:test && sudo node build/examples/profile.js [FILE] [SECONDS]
 *
 * @module
 */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { rmSync, writeFileSync } from 'node:fs'
import { get } from 'node:http'
import { formatProfile, profile, profileFile, profileFormat } from 'ebpf-ts/profile'

/** What names JavaScript functions for other programs; any Node.js program can be started so. */
const NODE_OPTIONS = '--perf-basic-prof --interpreted-frames-native-stack'

/**
 * The server: most of its time goes into `renderRow`, by way of `renderPage`, which has no frame once V8 compiles it into its
 * caller.
 */
const SERVER = `
const { createServer } = require('node:http')
function renderRow(n) { return n < 2 ? 1 : renderRow(n - 1) + renderRow(n - 2) }
function renderPage() { return '<p>' + renderRow(22) + '</p>' }
const server = createServer((request, response) => response.end(renderPage()))
server.listen(0, '127.0.0.1', () => process.send(server.address().port))`

const [file = 'profile.html', seconds = '5'] = process.argv.slice(2)
const format = profileFormat(file)

const server = spawn(process.execPath, ['--input-type=commonjs', '-e', SERVER], {
  env: { ...process.env, NODE_OPTIONS },
  stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
})
try {
  const [port] = (await once(server, 'message')) as [number]
  const stopped = new AbortController()
  /** Asks for one page after the other. */
  const browse = async (): Promise<void> => {
    while (!stopped.signal.aborted) {
      await new Promise<void>((resolve, reject) => {
        const request = get({ port, host: '127.0.0.1' }, response => {
          response.resume().on('end', resolve)
        })
        request.on('error', reject)
      })
    }
  }
  const browsers = [browse(), browse()]
  const result = await profile({ pid: server.pid!, duration: Number(seconds), frequency: 199 })
  stopped.abort()
  await Promise.all(browsers)
  writeFileSync(file, profileFile(result, format))
  process.stdout.write(formatProfile(result))
  console.log(`\nwrote ${file}`)
} finally {
  server.kill()
  rmSync(`/tmp/perf-${server.pid}.map`, { force: true })
}
