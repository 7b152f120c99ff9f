import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import test from 'ava'

const { exports } = JSON.parse(readFileSync('package.json', 'utf8')) as { exports: Record<string, unknown> }

/** Imports a public subpath on a pretended macOS where no native module can be loaded. */
function importOnDarwin(specifier: string): { stdout: string; stderr: string } {
  const source = `
    import { createRequire } from 'node:module'
    Object.defineProperty(process, 'platform', { value: 'darwin' })
    process.dlopen = () => { throw new Error('A native module was loaded') }
    process.report.excludeNetwork = true
    const room = await import('${specifier}')
    console.log(JSON.stringify({
      exports: Object.keys(room).length > 0,
      native: process.report.getReport().sharedObjects.filter(path => path.endsWith('.node')),
      koffi: Object.keys(createRequire(import.meta.url).cache).filter(path => path.includes('koffi')),
    }))`
  return spawnSync(process.execPath, ['--input-type=module', '-e', source], { encoding: 'utf8' })
}

for (const subpath of Object.keys(exports).filter(each => !each.endsWith('.json'))) {
  const specifier = `ebpf-ts${subpath.slice(1)}`
  test(`${specifier} can be imported on every operating system, and loads nothing native`, t => {
    const { stdout, stderr } = importOnDarwin(specifier)
    t.is(stderr, '')
    t.deepEqual(JSON.parse(stdout), { exports: true, native: [], koffi: [] })
  })
}
