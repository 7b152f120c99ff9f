import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import test, { type ExecutionContext } from 'ava'
import { Sink } from '../../../src/cli/output/sink.ts'
import { printStream } from '../../../src/cli/output/stream.ts'
import { FakeStream, fakeOutput } from '../../support/cli/fake-terminal.ts'

const ENDLESS = ['build/test/support/cli/endless.js', 'print']

function* numbers(): Generator<number> {
  for (let i = 0; ; i++) yield i
}

/** Waits some turns of the event loop. */
async function turns(): Promise<void> {
  for (let i = 0; i < 20; i++) await turn()
}

test('a stream ends with its source, at its limit, and with its signal', async t => {
  const { output, stream } = fakeOutput()
  const print = (item: number): void => output.line(String(item))
  const { signal } = new AbortController()
  t.is(await printStream(output, [1, 2], print, { signal }), 2)
  t.is(await printStream(output, numbers(), print, { signal, limit: 3 }), 3)
  t.is(stream.text, '1\n2\n0\n1\n2\n')
  t.is(await printStream(output, numbers(), print, { signal: AbortSignal.abort() }), 0)
  const controller = new AbortController()
  setImmediate(() => controller.abort())
  t.true((await printStream(output, numbers(), () => {}, { signal: controller.signal })) > 0)
})

test('the source is closed when the stream ends', async t => {
  let closed = 0
  function* source(): Generator<number> {
    try {
      yield* numbers()
    } finally {
      closed++
    }
  }
  const { output } = fakeOutput()
  await printStream(output, source(), () => {}, { signal: new AbortController().signal, limit: 1 })
  t.is(closed, 1)
})

test('nothing is read while the reader stalls, and all of it afterwards', async t => {
  const { output, stream } = fakeOutput()
  stream.stalled = true
  let read = 0
  const source = function* (): Generator<string> {
    while (read < 1000) yield `${read++}`.padEnd(99, '.')
  }
  const done = printStream(output, source(), item => output.line(item), {
    signal: new AbortController().signal,
  })
  await turns()
  const before = read
  t.true(before < 50, `${before} lines are in memory`)
  await turns()
  t.is(read, before)
  stream.resume()
  t.is(await done, 1000)
  t.is(stream.text.split('\n').length, 1001)
})

test('a signal ends a stream whose reader stalls', async t => {
  const { output, stream } = fakeOutput()
  stream.stalled = true
  const controller = new AbortController()
  const done = printStream(output, numbers(), item => output.line(String(item).padEnd(999)), {
    signal: controller.signal,
  })
  await turns()
  controller.abort()
  t.true((await done) < 10)
})

test('lines are gathered, and written when the event loop turns', async t => {
  const stream = new FakeStream()
  const sink = new Sink(stream, true)
  sink.write('a')
  sink.write('b')
  t.is(stream.text, '')
  await turns()
  t.is(stream.text, 'ab')
  sink.write('c'.repeat(1 << 16))
  t.is(stream.text.length, 2 + (1 << 16))
})

test('the end waits for the reader; once stopped, a second', async t => {
  const stream = new FakeStream()
  stream.stalled = true
  const sink = new Sink(stream, true)
  sink.write('late')
  const stopped = new AbortController()
  let over = false
  const end = sink.end(stopped.signal).then(written => {
    over = true
    return written
  })
  await turns()
  t.false(over)
  stopped.abort()
  t.false(await end)
  stream.resume()
  t.true(await sink.end(stopped.signal))
  t.is(stream.text, 'late')
})

test('a reader that goes away is not an error, any other is', t => {
  for (const [code, isFailure] of [
    ['EPIPE', false],
    ['ECONNRESET', false],
    ['ENOSPC', true],
  ] as const) {
    const stream = new FakeStream()
    const sink = new Sink(stream, false)
    stream.emit('error', Object.assign(new Error('x'), { code }))
    t.true(sink.gone.aborted)
    t.is(sink.error !== undefined, isFailure)
    sink.write('lost')
    t.is(stream.text, '')
  }
})

/** Waits until a process has printed no more lines for a while; returns how many it did. */
async function untilStalled(t: ExecutionContext, child: ChildProcess, notes: () => string): Promise<number> {
  for (let tries = 0; tries < 600; tries++) {
    await new Promise(resolve => setTimeout(resolve, 100))
    const counts = [...notes().matchAll(/^printed (\d+)$/gm)].map(([, count]) => Number(count))
    const [first, ...others] = counts.slice(-4)
    if (first! > 0 && others.length === 3 && others.every(count => count === first)) return first!
    if (child.exitCode !== null) break
  }
  t.fail(`the process goes on: ${notes().slice(-200)}`)
  return 0
}

for (const [kind, ...options] of [['waits'], ['never waits', '--sync']] as const) {
  test(`a process that prints from a source that ${kind} stalls with its reader, and SIGTERM ends it`, async t => {
    const child = spawn(process.execPath, [...ENDLESS, ...options], { stdio: ['ignore', 'pipe', 'pipe'] })
    t.teardown(() => child.kill('SIGKILL'))
    const ended = once(child, 'close')
    let notes = ''
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      notes += text
    })
    const count = await untilStalled(t, child, () => notes)
    // 10 bytes a line: the pipe, and little more.
    t.true(count < 400_000, `${count} lines are in memory`)
    child.kill('SIGTERM')
    child.stderr.once('end', () => child.stdout.destroy())
    t.deepEqual(await ended, [0, null])
    t.true(notes.endsWith('cleaned up\n'))
  })
}

test('SIGTERM ends a process whose terminal is stopped', async t => {
  const directory = mkdtempSync(join(tmpdir(), 'ebpf-ts-tty-'))
  t.teardown(() => rmSync(directory, { recursive: true }))
  const notes = join(directory, 'notes')
  // `script` makes the terminal. It stops reading it when its own output, a pipe, is full.
  const command = `echo $$ >${directory}/pid; exec ${process.execPath} ${ENDLESS.join(' ')} 2>${notes}`
  const terminal = spawn('script', ['-qefc', command, '/dev/null'], { stdio: ['ignore', 'pipe', 'ignore'] })
  t.teardown(() => terminal.kill('SIGKILL'))
  await once(terminal, 'spawn')
  await untilStalled(t, terminal, () => {
    try {
      return readFileSync(notes, 'utf8')
    } catch {
      return ''
    }
  })
  const pid = Number(readFileSync(join(directory, 'pid'), 'utf8'))
  process.kill(pid, 'SIGTERM')
  let gone = false
  for (let tries = 0; tries < 200 && !gone; tries++) {
    await new Promise(resolve => setTimeout(resolve, 50))
    gone = /^State:\s+Z|^$/m.test(stateOf(pid))
  }
  t.true(gone, 'the process still runs')
  t.true(readFileSync(notes, 'utf8').endsWith('cleaned up\n'))
})

function stateOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/status`, 'utf8').match(/^State:.*$/m)?.[0] ?? ''
  } catch {
    return ''
  }
}

test('a process whose reader goes away exits with code 0 and no message', t => {
  const { stdout, stderr, status } = spawnSync(
    'bash',
    ['-c', `${process.execPath} ${ENDLESS.join(' ')} | head -1; echo "code \${PIPESTATUS[0]}"`],
    { encoding: 'utf8', timeout: 60_000 },
  )
  t.is(status, 0)
  t.is(stdout, 'line 0\ncode 0\n')
  t.regex(stderr, /^(printed \d+\n)*cleaned up\n$/)
})

test('a full disk is a failure', t => {
  const full = openSync('/dev/full', 'w')
  t.teardown(() => closeSync(full))
  const { status, stderr } = spawnSync(process.execPath, ENDLESS, {
    stdio: ['ignore', full, 'pipe'],
    encoding: 'utf8',
    timeout: 60_000,
  })
  t.is(status, 1)
  t.regex(
    stderr,
    /cleaned up\nendless: Cannot write to standard output: ENOSPC: no space left on device, write\n$/,
  )
})
