/**
 * Whether the published declarations compile in a user's project: `strict`, `skipLibCheck: false`, every door imported,
 * under each supported TypeScript and each way to resolve modules.
 *
 * @module
 */

import { execFile, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join, resolve } from 'node:path'

/** Versions that are fetched into `.cache/typescript`, the oldest first: the last of each minor before the installed ones. */
const FETCHED = ['5.7.3', '5.8.3', '5.9.3'] as const
/** Development dependencies: the one with an API for tools, and the newest, which compiles the library. */
const INSTALLED = ['typescript', '@typescript/native'] as const

/** `module` and `moduleResolution` of a user's project. */
const RESOLUTIONS = [
  ['nodenext', 'nodenext'],
  ['node16', 'node16'],
  ['esnext', 'bundler'],
] as const

/** A compiler. */
interface Compiler {
  readonly version: string
  readonly tsc: string
}

function fetched(version: string): Compiler {
  const at = resolve('.cache/typescript', version)
  const tsc = join(at, 'node_modules/typescript/bin/tsc')
  if (!existsSync(tsc)) {
    mkdirSync(at, { recursive: true })
    writeFileSync(join(at, 'package.json'), '{"private":true}\n')
    const options = ['--prefix', at, '--no-audit', '--no-fund', '--ignore-scripts']
    const { status, stderr } = spawnSync('npm', ['install', ...options, `typescript@${version}`], {
      encoding: 'utf8',
    })
    if (status !== 0) throw new Error(`npm cannot install typescript@${version}:\n${stderr}`)
  }
  return { version, tsc }
}

function installed(name: string): Compiler {
  const at = resolve('node_modules', name)
  const { version } = JSON.parse(readFileSync(join(at, 'package.json'), 'utf8')) as { version: string }
  return { version, tsc: join(at, 'bin/tsc') }
}

/** What a user's project says: the doors by name, and types that must have come through. */
function project(specifiers: readonly string[]): string {
  const imports = specifiers.map((specifier, index) => `import * as door${index} from '${specifier}'`)
  return `${imports.join('\n')}
import { u32, u64 } from 'ebpf-ts/base'
import { BpfMap } from 'ebpf-ts/maps'

export const doors = [${specifiers.map((_, index) => `door${index}`).join(', ')}]
export function hits(fd: number): bigint | undefined {
  using map = BpfMap.fromFd(fd)
  // @ts-expect-error A key of 32 bits is a number.
  map.typed(u32, u64).get('1')
  return map.typed(u32, u64).get(1)
}
`
}

/**
 * Compiles a project that imports every door, with each compiler.
 *
 * @param consumer directory with `node_modules/ebpf-ts` in it
 * @returns what failed: the compiler, the resolution and its output
 */
export async function compileConsumers(consumer: string): Promise<string[]> {
  const { exports, name } = JSON.parse(
    readFileSync(join(consumer, 'node_modules/ebpf-ts/package.json'), 'utf8'),
  ) as { exports: Record<string, unknown>; name: string }
  const doors = Object.keys(exports).filter(subpath => !subpath.endsWith('.json'))
  writeFileSync(join(consumer, 'package.json'), '{"private":true,"type":"module"}\n')
  writeFileSync(join(consumer, 'index.ts'), project(doors.map(subpath => `${name}${subpath.slice(1)}`)))
  const compilers = [...FETCHED.map(fetched), ...INSTALLED.map(installed)]
  // Resolution is the same code in all of them: the oldest and the newest stand for those between.
  const runs = compilers.flatMap((compiler, index) =>
    RESOLUTIONS.filter((_, way) => way === 0 || index === 0 || index === compilers.length - 1).map(
      resolution => ({
        compiler,
        resolution,
      }),
    ),
  )
  const failures: string[] = []
  const next = async (): Promise<void> => {
    for (let run = runs.shift(); run !== undefined; run = runs.shift()) {
      const { compiler, resolution } = run
      const output = await compile(consumer, compiler, resolution)
      if (output !== '') failures.push(`TypeScript ${compiler.version}, ${resolution[1]}:\n${output}`)
    }
  }
  await Promise.all(Array.from({ length: availableParallelism() }, next))
  return failures
}

function compile(
  consumer: string,
  { tsc }: Compiler,
  [module, moduleResolution]: (typeof RESOLUTIONS)[number],
): Promise<string> {
  const options = {
    ...{ module, moduleResolution, target: 'es2022', lib: ['es2023', 'esnext.disposable'] },
    ...{ strict: true, skipLibCheck: false, noEmit: true, types: ['node'] },
  }
  const file = join(consumer, `tsconfig.${moduleResolution}.json`)
  writeFileSync(file, JSON.stringify({ compilerOptions: options, files: ['index.ts'] }))
  return new Promise(done => {
    execFile(process.execPath, [tsc, '-p', file, '--pretty', 'false'], (error, stdout, stderr) => {
      done(error === null ? '' : `${stdout}${stderr}` || error.message)
    })
  })
}
