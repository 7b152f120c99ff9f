import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import test from 'ava'
import { BpfError } from '../../../src/base/errors.ts'
import { kernelConfig, parseKconfig } from '../../../src/kernel/kconfig.ts'

const TEXT = `#
# Automatically generated file; DO NOT EDIT.
#
CONFIG_BPF=y
# CONFIG_KASAN is not set
CONFIG_HZ=250
CONFIG_LSM="landlock,bpf"
CONFIG_CMDLINE="a=b"
`

test('options are what the lines have behind the first sign', t => {
  t.deepEqual(
    [...parseKconfig(TEXT)],
    [
      ['CONFIG_BPF', 'y'],
      ['CONFIG_HZ', '250'],
      ['CONFIG_LSM', '"landlock,bpf"'],
      ['CONFIG_CMDLINE', '"a=b"'],
    ],
  )
})

test('the last line needs no end', t => {
  t.deepEqual([...parseKconfig('CONFIG_HZ=100')], [['CONFIG_HZ', '100']])
})

test('of an option that is there twice the first counts', t => {
  t.is(parseKconfig('CONFIG_HZ=100\nCONFIG_HZ=250\n').get('CONFIG_HZ'), '100')
})

for (const line of ['CONFIG_HZ', 'CONFIG_HZ=']) {
  test(`${line} alone is refused`, t => {
    t.throws(() => parseKconfig(`CONFIG_BPF=y\n${line}\n`), {
      instanceOf: BpfError,
      code: 'ERR_KCONFIG',
      message: `Cannot parse the kernel's configuration: "${line}" has no value`,
    })
  })
}

/** Calls back with a directory that files can be written to. */
function inDirectory(use: (path: (name: string) => string) => void): void {
  const directory = mkdtempSync(join(tmpdir(), 'ebpf-ts-kconfig-'))
  try {
    use(name => join(directory, name))
  } finally {
    rmSync(directory, { recursive: true })
  }
}

test('a configuration is read from the first file that exists, packed or not', t => {
  inDirectory(path => {
    writeFileSync(path('plain'), TEXT)
    writeFileSync(path('packed'), gzipSync('CONFIG_HZ=1000\n'))
    t.is(kernelConfig([path('missing'), path('plain'), path('packed')]).get('CONFIG_HZ'), '250')
    t.is(kernelConfig([path('packed'), path('plain')]).get('CONFIG_HZ'), '1000')
  })
})

test('a configuration that is nowhere is an error with the places', t => {
  t.throws(() => kernelConfig(['/nowhere/config', '/nowhere/config.gz']), {
    instanceOf: BpfError,
    code: 'ENOENT',
    message: "The kernel's configuration is in none of /nowhere/config, /nowhere/config.gz",
  })
})

test('a packed configuration that is cut off is an error with its path', t => {
  inDirectory(path => {
    writeFileSync(path('packed'), gzipSync(TEXT).subarray(0, -20))
    const error = t.throws(() => kernelConfig([path('packed')]), { instanceOf: BpfError })
    t.is(error?.code, 'ERR_KCONFIG')
    t.true(error?.message.includes(path('packed')))
  })
})

test('a packed configuration that would fill the memory is refused', t => {
  inDirectory(path => {
    writeFileSync(path('packed'), gzipSync(Buffer.alloc(32 << 20)))
    const error = t.throws(() => kernelConfig([path('packed')]), {
      instanceOf: BpfError,
      code: 'ERR_KCONFIG',
    })
    t.like(error?.cause, { code: 'ERR_BUFFER_TOO_LARGE' })
  })
})
