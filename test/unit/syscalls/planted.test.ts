import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import test from 'ava'

// Packages that anyone may have put where Node.js searches: nothing of them may run.

const platforms = ['gnu', 'musl'].map(libc => `@ebpf-ts/shim-linux-${process.arch}-${libc}`)
const binary = `@koromix/koffi-linux-${process.arch}`
const names = [...platforms, 'koffi', binary, 'debug', 'ms', 'supports-color']

/** Where packages are found by `require`, apart from the folders above the package. */
const globalPlaces = ['home/.node_modules', 'home/.node_libraries', 'path', 'prefix/lib/node'] as const

interface Installation extends Disposable {
  /** The folder that everything is in. */
  readonly root: string
  /** Calls the kernel from the package; its backend or the message of the error, and the planted files that ran. */
  run(env?: NodeJS.ProcessEnv): { outcome: string; ran: string[] }
}

/**
 * The package in a folder of its own, with plants in every place.
 *
 * @param installed packages to install, by where: `{ 'app/node_modules': ['koffi'] }`
 * @param planted places of plants besides the global ones
 */
function install(
  installed: Readonly<Record<string, readonly string[]>>,
  planted: Readonly<Record<string, readonly string[]>> = {},
): Installation {
  const root = mkdtempSync(join(tmpdir(), 'planted-'))
  const home = join(root, 'app/node_modules/ebpf-ts')
  for (const room of ['abi', 'base', 'syscalls'])
    cpSync(`build/src/${room}`, join(home, 'build/src', room), { recursive: true })
  writeFileSync(join(home, 'package.json'), '{ "name": "ebpf-ts", "type": "module" }')
  for (const [place, packages] of Object.entries(installed)) {
    for (const name of packages) {
      const target = join(root, place, name)
      mkdirSync(dirname(target), { recursive: true })
      cpSync(resolve('node_modules', name), target, {
        recursive: true,
        dereference: true,
        filter: path =>
          !/\/(?:vendor|doc|lib)(?:\/|$)/.test(path.slice(path.indexOf('koffi'))) || !path.includes('koffi'),
      })
    }
  }
  const plants = { ...Object.fromEntries(globalPlaces.map(place => [place, names])), ...planted }
  for (const [place, packages] of Object.entries(plants)) {
    for (const name of packages) {
      const target = join(root, place, name)
      if (existsSync(target)) continue
      mkdirSync(target, { recursive: true })
      writeFileSync(
        join(target, 'package.json'),
        JSON.stringify({ name, version: '1.0.0', main: './index.js' }),
      )
      writeFileSync(
        join(target, 'index.js'),
        `require('node:fs').appendFileSync(process.env.RAN, __filename + '\\n'); module.exports = () => () => {}`,
      )
    }
  }
  const marker = join(root, 'ran')
  return {
    root,
    run(env = {}) {
      writeFileSync(marker, '')
      // The prefix of Node.js is where its program is.
      const source = `
        import Module from 'node:module'
        process.execPath = ${JSON.stringify(join(root, 'prefix/bin/node'))}
        Module._initPaths()
        const { syscallBackend, OwnedFd } = await import(${JSON.stringify(join(home, 'build/src/syscalls/index.js'))})
        try {
          console.log(syscallBackend())
        } catch (error) {
          console.log(error.code + ' ' + error.message)
        }`
      const outcome = execFileSync(process.execPath, ['--input-type=module', '-e', source], {
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'ignore'],
        env: {
          PATH: process.env.PATH,
          HOME: join(root, 'home'),
          NODE_PATH: join(root, 'path'),
          DEBUG: 'ebpf-ts:*',
          RAN: marker,
          ...env,
        },
      })
      const ran = readFileSync(marker, 'utf8').split('\n').filter(Boolean)
      return { outcome: outcome.trim(), ran }
    },
    [Symbol.dispose]: () => rmSync(root, { recursive: true }),
  }
}

const debugging = ['debug', 'ms']
const NOBODY = 65534

if (process.platform === 'linux') {
  test('a plain install runs nothing of what is planted in global folders', t => {
    using app = install({ 'app/node_modules': ['koffi', binary, ...debugging] })
    t.deepEqual(app.run(), { outcome: 'koffi', ran: [] })
  })

  test('a shim is not taken from folders above, nor supports-color', t => {
    const above = {
      node_modules: [...platforms, 'supports-color'],
      'app/node_modules': [...platforms, 'supports-color'],
    }
    using app = install({ 'app/node_modules': ['koffi', binary, ...debugging] }, above)
    t.deepEqual(app.run(), { outcome: 'koffi', ran: [] })
    const { outcome, ran } = app.run({ EBPF_TS_BACKEND: 'shim' })
    t.regex(outcome, /^ERR_BACKEND Cannot use EBPF_TS_BACKEND=shim: this package has no prebuilt shim/)
    t.deepEqual(ran, [])
  })

  test('dependencies are found in any folder above, as package managers lay them out', t => {
    using hoisted = install({ node_modules: ['koffi', binary, ...debugging] })
    t.deepEqual(hoisted.run(), { outcome: 'koffi', ran: [] })
    using nested = install({
      'app/node_modules/ebpf-ts/node_modules': ['koffi', ...debugging],
      'app/node_modules/ebpf-ts/node_modules/koffi/node_modules': [binary],
    })
    t.deepEqual(nested.run(), { outcome: 'koffi', ran: [] })
    using linked = install({ 'store/koffi/node_modules': ['koffi', binary], 'app/node_modules': debugging })
    symlinkSync(
      join(linked.root, 'store/koffi/node_modules/koffi'),
      join(linked.root, 'app/node_modules/koffi'),
    )
    t.deepEqual(linked.run(), { outcome: 'koffi', ran: [] })
  })

  test('without koffi, or without its binary, none is taken from elsewhere', t => {
    using without = install({ 'app/node_modules': debugging })
    const missing = without.run()
    t.regex(missing.outcome, /^ERR_BACKEND Cannot load koffi/)
    t.deepEqual(missing.ran, [])
    using incomplete = install({ 'app/node_modules': ['koffi', ...debugging] })
    const broken = incomplete.run()
    t.regex(broken.outcome, /^ERR_BACKEND Cannot load koffi/)
    t.deepEqual(broken.ran, [])
  })

  test('a package that others may change does not run', t => {
    using app = install({ 'app/node_modules': debugging, node_modules: ['koffi', binary] })
    const places = ['', '/koffi', '/koffi/package.json', '/koffi/index.cjs'].map(each =>
      join(app.root, 'node_modules', each),
    )
    for (const place of places.filter(each => existsSync(each))) {
      const { mode } = statSync(place)
      for (const writable of [0o020, 0o002]) {
        chmodSync(place, mode | writable)
        const refused = place.endsWith('package.json') ? /^koffi$/ : /^ERR_BACKEND Cannot load koffi/
        t.regex(app.run().outcome, refused, `${place} ${writable.toString(8)}`)
      }
      chmodSync(place, mode)
    }
    t.is(app.run().outcome, 'koffi')
  })

  test('an installation that a group or everybody may change as a whole works', t => {
    using app = install({ 'app/node_modules': ['koffi', binary, ...debugging] })
    for (const rights of ['g+w', 'a+w']) {
      execFileSync('chmod', ['-R', rights, join(app.root, 'app')])
      t.deepEqual(app.run(), { outcome: 'koffi', ran: [] }, rights)
    }
  })

  test('without debug, DEBUG prints nothing and the library works', t => {
    using app = install({ 'app/node_modules': ['koffi', binary] })
    t.deepEqual(app.run(), { outcome: 'koffi', ran: [] })
  })

  if (process.getuid?.() === 0) {
    test('a package of another user in a folder above does not run', t => {
      using app = install({ 'app/node_modules': debugging, node_modules: ['koffi', binary] })
      t.is(app.run().outcome, 'koffi')
      chownSync(join(app.root, 'node_modules'), NOBODY, NOBODY)
      t.regex(app.run().outcome, /^ERR_BACKEND Cannot load koffi/)
    })
  }

  test('EBPF_TS_SHIM names a shim, by its absolute path', t => {
    using app = install({ 'app/node_modules': debugging })
    const path = join(app.root, 'no-shim.node')
    const expectOutcome = (named: string, outcome: RegExp): void => {
      const run = app.run({ EBPF_TS_SHIM: named })
      t.regex(run.outcome, outcome)
      t.deepEqual(run.ran, [])
    }
    expectOutcome(
      path,
      /^ERR_BACKEND Cannot load the native shim EBPF_TS_SHIM=.*no-shim\.node: the file does not exist$/,
    )
    expectOutcome('no-shim.node', /^ERR_BACKEND .*EBPF_TS_SHIM=no-shim\.node: it is not an absolute path$/)
    writeFileSync(path, 'not a library')
    expectOutcome(path, /^ERR_BACKEND Cannot load the native shim \/.*no-shim\.node /)
  })
}
