import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import test from 'ava'

const pages = ['README.md', 'ARCHITECTURE.md', ...readdirSync('docs').map(name => join('docs', name))].filter(
  path => path.endsWith('.md'),
)

/** Examples lie inside the package, where its own name leads to what it exports: to the declarations below `dist/`. */
const DIRECTORY = 'build/docs-examples'

test('every TypeScript example of the documentation compiles', t => {
  rmSync(DIRECTORY, { recursive: true, force: true })
  mkdirSync(DIRECTORY, { recursive: true })
  let count = 0
  for (const page of pages) {
    const examples = [...readFileSync(page, 'utf8').matchAll(/```ts\n(.*?)```/gs)]
    for (const [index, [, code]] of examples.entries()) {
      count++
      writeFileSync(join(DIRECTORY, `${page.replaceAll('/', '-')}-${index + 1}.ts`), `${code}\nexport {}\n`)
    }
  }
  t.true(count >= 10)
  const config = {
    extends: '../../tsconfig.base.json',
    compilerOptions: { noEmit: true, isolatedDeclarations: false, noUnusedLocals: false },
  }
  writeFileSync(join(DIRECTORY, 'tsconfig.json'), JSON.stringify(config))
  const tsc = spawnSync(process.execPath, ['node_modules/@typescript/native/bin/tsc', '-p', DIRECTORY], {
    encoding: 'utf8',
  })
  t.is(tsc.stdout, '')
  t.is(tsc.status, 0)
})

test('every link of the documentation leads to a file', t => {
  for (const page of [...pages, 'CONTRIBUTING.md', 'CHANGELOG.md']) {
    for (const [, target] of readFileSync(page, 'utf8').matchAll(/\]\((?!https?:|#)([^)#]+)/g)) {
      t.true(existsSync(join(dirname(page), target!)), `${page}: ${target}`)
    }
  }
})
