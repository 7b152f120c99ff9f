import test from 'ava'
import { callFunction, loadFunction } from '../../../../src/asm/calls.ts'
import type { Instruction } from '../../../../src/asm/instruction.ts'
import { exit, label } from '../../../../src/asm/jumps.ts'
import { r1 } from '../../../../src/asm/registers.ts'
import { BpfError } from '../../../../src/base/errors.ts'
import { Named } from '../../../../src/collection/named.ts'
import { linkFunctions } from '../../../../src/programs/passes/functions.ts'

/** A function that calls others, then returns. */
function calls(symbol: string, ...names: string[]): Instruction[] {
  return [...names.map(callFunction), exit()].map((each, i) => (i === 0 ? { ...each, symbol } : each))
}

/** Names of the functions in the order in which they lie. */
function order(linked: readonly Instruction[]): string[] {
  return linked.flatMap(({ symbol }) => (symbol === undefined ? [] : [symbol]))
}

function named(...functions: Instruction[][]): Named<Instruction[]> {
  return new Named(
    'function',
    functions.map(each => [each[0]!.symbol!, each] as const),
  )
}

test('a program that calls nothing stays as it is', t => {
  const main = calls('main')
  t.is(linkFunctions(main, { functions: named(calls('unused')) }), main)
  t.is(linkFunctions(main, {}), main)
})

test('functions follow in the order of their first use, each right before what it uses itself', t => {
  const functions = named(calls('c'), calls('b', 'd'), calls('a', 'c'), calls('d'))
  const linked = linkFunctions(calls('main', 'a', 'b'), { functions })
  t.deepEqual(order(linked), ['main', 'a', 'c', 'b', 'd'])
  t.is(linked.length, 3 + 2 + 1 + 2 + 1)
})

test('a shared function comes once, where it was used first', t => {
  const functions = named(calls('a', 'shared'), calls('b', 'shared'), calls('shared'))
  t.deepEqual(order(linkFunctions(calls('main', 'a', 'b', 'shared', 'a'), { functions })), [
    'main',
    'a',
    'shared',
    'b',
  ])
})

test('recursion comes to an end', t => {
  const functions = named(calls('a', 'a', 'b'), calls('b', 'a', 'main'))
  t.deepEqual(order(linkFunctions(calls('main', 'a'), { functions })), ['main', 'a', 'b'])
})

test('a function whose address is taken is linked too', t => {
  t.deepEqual(
    order(linkFunctions([loadFunction(r1, 'a'), ...calls('main')], { functions: named(calls('a')) })),
    ['main', 'a'],
  )
})

test('what the program contains already is not added', t => {
  const main = [...calls('main', 'a'), ...calls('a')]
  t.deepEqual(order(linkFunctions(main, { functions: named(calls('a', 'b')) })), ['main', 'a'])
})

test('a function that does not exist is an error', t => {
  for (const functions of [named(), new Map<string, Instruction[]>()]) {
    t.throws(() => linkFunctions(calls('main', 'a'), { functions }), {
      instanceOf: BpfError,
      message: 'it uses function "a", which does not exist',
      code: 'ERR_UNRESOLVED',
    })
  }
  t.throws(() => linkFunctions(calls('main', 'toString'), { functions: named() }), { code: 'ERR_UNRESOLVED' })
})

test('a chain of any length, and a function of any length, are linked', t => {
  const chain = Array.from({ length: 50_000 }, (_, i) => calls(`f${i}`, `f${i + 1}`))
  const long = Array.from({ length: 500_000 }, exit)
  const functions = named(...chain, [label('f50000', exit()), ...long])
  const linked = linkFunctions(calls('main', 'f0'), { functions })
  t.is(linked.length, 2 + 50_000 * 2 + 500_001)
  t.deepEqual(order(linked).slice(-2), ['f49999', 'f50000'])
})

test('the caller defines a function that the object leaves open', t => {
  const extern = (name: string): Instruction => ({
    ...callFunction(name),
    reference: { kind: 'extern', name, addend: 0 },
  })
  const main = [{ ...extern('mine'), symbol: 'main' }, extern('theirs'), exit()]
  const linked = linkFunctions(main, { functions: named(calls('mine', 'other'), calls('other')) })
  t.deepEqual(order(linked), ['main', 'mine', 'other'])
  t.deepEqual(
    linked.slice(0, 2).map(({ reference }) => reference),
    [
      { kind: 'call', name: 'mine' },
      { kind: 'extern', name: 'theirs', addend: 0 },
    ],
  )
  t.is(main[0]!.reference!.kind, 'extern')
})

test('the exception callback comes last, with what it uses, and once', t => {
  const functions = named(calls('a'), calls('thrown', 'b'), calls('b'))
  const link = (...used: string[]): string[] =>
    order(linkFunctions(calls('main', ...used), { functions, exceptionCallback: 'thrown' }))
  t.deepEqual(link(), ['main', 'thrown', 'b'])
  t.deepEqual(link('a'), ['main', 'a', 'thrown', 'b'])
  t.deepEqual(link('thrown', 'a'), ['main', 'thrown', 'b', 'a'])
  t.throws(() => linkFunctions(calls('main'), { functions, exceptionCallback: 'missing' }), {
    instanceOf: BpfError,
    code: 'ERR_UNRESOLVED',
  })
})
