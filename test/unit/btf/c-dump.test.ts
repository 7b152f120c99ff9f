import { existsSync, readFileSync } from 'node:fs'
import test from 'ava'
import fc from 'fast-check'
import { ObjectFileError } from '../../../src/base/errors.ts'
import { Btf } from '../../../src/btf/btf.ts'
import { btfToC } from '../../../src/btf/text/c-dump.ts'
import { BtfMaker } from '../../support/btf/maker.ts'
import { anyBtfType, btfOf } from '../../support/btf/types.ts'
import { clang, compile } from '../../support/clang.ts'
import { objectSpec } from '../../support/objects.ts'

const KERNEL = '/sys/kernel/btf/vmlinux'

/** A test that needs a compiler. */
const withClang = clang === undefined ? test.skip : test

/** C that holds only if every struct has its size and every member its offset; of names that are used once. */
function layoutAssertions(btf: Btf): string[] {
  const structs = new Map<string, number[]>()
  btf.forEachId(id => {
    const { kind, name } = btf.type(id)
    if (!['struct', 'union', 'enum', 'enum64', 'fwd'].includes(kind) || name === '') return
    structs.set(name, [...(structs.get(name) ?? []), id])
  })
  return [...structs].flatMap(([name, [id, ...others]]) => {
    const type = btf.type(id!)
    if (others.length > 0 || !('members' in type) || holdsVaList(btf, id!)) return []
    const tag = `${type.kind} ${name}`
    return [
      `_Static_assert(sizeof(${tag}) == ${type.size}, "size of ${name}");`,
      ...type.members
        .filter(each => each.name !== '' && each.bitSize === 0)
        .map(
          each =>
            `_Static_assert(__builtin_offsetof(${tag}, ${each.name}) * 8 == ${each.bitOffset}, "${name}.${each.name}");`,
        ),
    ]
  })
}

/** Lists of variable arguments are the compiler's, which has others for BPF. */
function holdsVaList(btf: Btf, id: number): boolean {
  const type = btf.type(id)
  return 'members' in type && type.members.some(each => btf.name(each.type) === 'va_list')
}

for (const name of ['core', 'data', 'maps', 'recent', 'examples/processes']) {
  withClang(`the types of ${name} compile, with their layout`, t => {
    const btf = objectSpec(name).btf!
    t.is(compile(`${btfToC(btf)}\n${layoutAssertions(btf).join('\n')}`), '')
  })
}

const kernelTest = clang !== undefined && existsSync(KERNEL) ? test : test.skip
kernelTest('the types of the running kernel compile, with their layout', t => {
  const btf = Btf.parse(readFileSync(KERNEL))
  const assertions = layoutAssertions(btf)
  t.true(assertions.length > 10_000)
  const source = `#define BPF_NO_PRESERVE_ACCESS_INDEX\n${btfToC(btf)}\n${assertions.join('\n')}`
  t.is(compile(source), '')
})

test('types come after those that they need, with shared names told apart', t => {
  const maker = new BtfMaker()
  const list = maker.struct('list', 8, ['next', 2, 0])
  maker.pointer(list)
  const int = maker.int('int', 4, 'signed')
  const outer = maker.typedef('outer_t', 5)
  maker.struct('outer', 4, ['inner', 6, 0])
  maker.struct('inner', 4, ['value', int, 0])
  maker.struct('inner', 8, ['value', int, 0], ['other', outer, 4])
  maker.enum('state', { ON: 1 })
  maker.enum('light', { ON: 2 })
  const text = btfToC(maker.parse())
  const [, body] = text.split('#endif\n\n')
  t.is(
    body!.split('\n\n#ifndef')[0]!.trimEnd(),
    `struct list;
struct outer;
struct inner;
struct inner___2;

enum state {
	ON = 1,
};

enum light {
	ON___2 = 2,
};

struct list {
	struct list *next;
};

typedef struct outer outer_t;

struct inner {
	int value;
};

struct outer {
	struct inner inner;
};

struct inner___2 {
	int value;
	outer_t other;
};`,
  )
})

test('a struct that is only declared is declared', t => {
  const text = btfToC(btfOf([{ kind: 'fwd', name: 'hidden', of: 'union' }]))
  t.regex(text, /^union hidden;$/m)
})

test('names cannot smuggle C into the header', t => {
  const maker = new BtfMaker()
  maker.struct('a {}; int main(void', 4, ['x; }', maker.int('int */', 4), 0])
  t.regex(btfToC(maker.parse()), /^struct a_____int_main_void \{\n\tint __ x___;\n\};$/m)
})

test('anonymous types that multiply are an error, not a hang', t => {
  const structs = new BtfMaker()
  let id = structs.int('int', 4)
  for (let i = 0; i < 60; i++) id = structs.struct('', 4, ['a', id, 0], ['b', id, 0])
  structs.struct('bomb', 4, ['a', id, 0])
  t.throws(() => btfToC(structs.parse()), { instanceOf: ObjectFileError, message: /is too complex for C/ })

  const functions = new BtfMaker()
  let type = functions.int('int', 4)
  for (let i = 0; i < 60; i++) {
    const params = [type, type].map(each => ({ name: '', type: each }))
    type = functions.pointer(functions.builder.add({ kind: 'func_proto', name: '', type: 0, params }))
  }
  functions.typedef('bomb', type)
  t.throws(() => btfToC(functions.parse()), { instanceOf: ObjectFileError, message: /is too complex for C/ })
})

test('whatever the types are, there is a header or an ObjectFileError', t => {
  fc.assert(
    fc.property(fc.array(anyBtfType, { maxLength: 40 }), types => {
      try {
        t.true(btfToC(btfOf(types)).endsWith('#endif /* __VMLINUX_H__ */\n'))
      } catch (error) {
        t.true(error instanceof ObjectFileError, String(error))
      }
    }),
    { numRuns: 100 },
  )
})
