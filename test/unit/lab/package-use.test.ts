import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { isFresh } from '../../../lab/test-runner/freshness.ts'
import { usesPackage } from '../../../lab/test-runner/package.ts'

/** Writes files into a fresh directory; returns the path of one by its name. */
function project(t: ExecutionContext, files: Record<string, string>): (name: string) => string {
  const directory = mkdtempSync(join(tmpdir(), 'ebpf-ts-use-'))
  t.teardown(() => rmSync(directory, { recursive: true }))
  const path = (name: string): string => join(directory, name)
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(path(name)), { recursive: true })
    writeFileSync(path(name), text)
  }
  return path
}

test('a test that imports the sources does not need the package', t => {
  const path = project(t, {
    'a.test.ts': "import { x } from './helper.ts'\nmkdtempSync('ebpf-ts-a-')",
    'helper.ts': "import './a.test.ts'\nimport { y } from '../elsewhere.ts'",
  })
  t.false(usesPackage([path('a.test.ts')]))
  t.false(usesPackage(['test/unit/btf/codec.test.ts']))
})

for (const [how, text] of [
  ['imports it', "import { Btf } from 'ebpf-ts/btf'"],
  ['imports it in a line of its own', "import 'ebpf-ts'"],
  ['reads it', "readFileSync('dist/index.js')"],
  // biome-ignore lint/suspicious/noTemplateCurlyInString: it is the source of a test
  ['makes its name', 'import(`ebpf-ts${subpath.slice(1)}`)'],
  ['runs an example', "new URL('../../../examples/a.js', import.meta.url)"],
] as const) {
  test(`a test needs the package when it, or what it starts, ${how}`, t => {
    const path = project(t, {
      'direct.test.ts': text,
      'import.test.ts': "import { x } from './support/x.ts'",
      'dynamic.test.ts': "const x = await import('./support/x.ts')",
      'worker.test.ts': "new Worker(new URL('./support/x.js', import.meta.url))",
      'support/x.ts': "export * from './y.ts'",
      'support/y.ts': text,
      'other.test.ts': '',
    })
    for (const name of ['direct', 'import', 'dynamic', 'worker']) {
      t.true(usesPackage([path('other.test.ts'), path(`${name}.test.ts`)]), name)
    }
    t.false(usesPackage([path('other.test.ts')]))
  })
}

test('a product is stale when it is missing, or a source changed after it', t => {
  const path = project(t, { product: '', 'sources/deep/a': '', single: '' })
  const at = (name: string, seconds: number): void => utimesSync(path(name), seconds, seconds)
  const fresh = (): boolean => isFresh(path('product'), [path('sources'), path('single')])
  for (const name of ['sources', 'sources/deep', 'sources/deep/a', 'single']) at(name, 1000)
  at('product', 2000)
  t.true(fresh())
  // A directory changes when a file is removed from it.
  for (const name of ['sources', 'sources/deep', 'sources/deep/a', 'single']) {
    at(name, 3000)
    t.false(fresh(), name)
    at(name, 1000)
  }
  rmSync(path('product'))
  t.false(fresh())
})
