import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runExample } from '../../support/house/run-example.ts'
import { kernelTest } from '../../support/kernel-test.ts'

kernelTest('profile: the flame graph of a server has its JavaScript functions', [], t => {
  const directory = mkdtempSync(join(tmpdir(), 'ebpf-ts-'))
  t.teardown(() => rmSync(directory, { recursive: true }))
  const path = join(directory, 'server.svg')
  const { code, lines, stderr } = runExample('profile', path, '3')
  t.deepEqual([code, stderr], [0, ''])
  const picture = readFileSync(path, 'utf8')
  // Its caller may be compiled into the function that calls that one: then it has no frame.
  t.true(picture.includes('renderRow'))
  t.true(lines.some(line => line.includes('renderRow')))
  t.is(lines.at(-1), `wrote ${path}`)
})
