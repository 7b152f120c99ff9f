import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import test from 'ava'
import { ByteReader } from '../../../src/base/bytes.ts'
import { DT_NEEDED } from '../../../src/elf/format.ts'
import { conformance } from '../../support/syscalls/conformance.ts'

const PT_DYNAMIC = 2

const file = new URL(`../../../../native/shim.linux-${process.arch}-gnu.node`, import.meta.url)

/** Tags of the dynamic section of an ELF64 file. */
function dynamicTags(bytes: Uint8Array): number[] {
  const reader = new ByteReader(bytes)
  const headers = reader.size(32)
  const tags: number[] = []
  for (let i = 0; i < reader.u16(56); i++) {
    const header = headers + i * reader.u16(54)
    if (reader.u32(header) !== PT_DYNAMIC) continue
    const start = reader.size(header + 8)
    for (let at = start; at < start + reader.size(header + 32); at += 16) tags.push(reader.u32(at))
  }
  return tags
}

if (existsSync(file)) {
  conformance(test, 'shim')

  test('the shim needs no shared library', t => {
    const tags = dynamicTags(readFileSync(file))
    t.true(tags.length > 5)
    t.false(tags.includes(DT_NEEDED))
  })

  test('a shim of another version is refused, with what does without it', t => {
    const door = JSON.stringify(new URL('../../../src/syscalls/index.js', import.meta.url).href)
    const source = `
      process.dlopen = module => { module.exports = { version: 1 } }
      const { syscallBackend } = await import(${door})
      try { syscallBackend() } catch ({ code, message }) { console.log(code, message) }`
    const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', source], {
      encoding: 'utf8',
      env: { ...process.env, EBPF_TS_BACKEND: '' },
    })
    t.is(stderr, '')
    t.regex(stdout, /^ERR_BACKEND .*shim\..*\.node: it is of another version .*EBPF_TS_BACKEND=koffi/)
  })

  test('the package as it is published finds the shim', t => {
    const source = "import { syscallBackend } from 'ebpf-ts/syscalls'; console.log(syscallBackend())"
    const env = { ...process.env, EBPF_TS_BACKEND: '' }
    const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', source], {
      encoding: 'utf8',
      env,
    })
    t.is(stderr, '')
    t.is(stdout.trim(), 'shim')
  })
} else {
  test.skip('the shim is not built (npm run build:native): only koffi is tested', () => {})
}
