import test from 'ava'
import { type Contender, costOf, measureRounds, type Sample } from '../../../src/bench/rounds.ts'

/** A contender that records when it was measured, and gives the samples of a list one after another. */
function contender(
  name: string,
  log: string[],
  samples: readonly (Sample | Error)[],
): Contender<{ id: number }> {
  let next = 0
  return {
    name,
    measure: ({ id }) => {
      log.push(`${id}${name}`)
      const sample = samples[next++ % samples.length]!
      if (sample instanceof Error) throw sample
      return sample
    },
  }
}

/** Rounds with numbers from 1, which tell when they end. */
function numbered(log: string[]): () => { id: number } & Disposable {
  let id = 0
  return () => ({ id: ++id, [Symbol.dispose]: () => log.push('end') })
}

const sample = (nanoseconds: number, expected = 1, counted = expected): Sample => ({
  nanoseconds,
  calls: 1,
  hits: { expected, counted },
})

test('every round goes through all contenders, and is closed before the next one', async t => {
  const log: string[] = []
  const progress: string[] = []
  const outcomes = await measureRounds(
    [contender('a', log, [sample(1), sample(2)]), contender('b', log, [sample(3)])],
    { rounds: 2, openRound: numbered(log), onProgress: (round, name) => progress.push(`${round}${name}`) },
  )
  t.deepEqual(log, ['1a', '1b', 'end', '2a', '2b', 'end'])
  t.deepEqual(progress, ['1a', '1b', '2a', '2b'])
  t.deepEqual(outcomes, [
    { name: 'a', samples: [sample(1), sample(2)] },
    { name: 'b', samples: [sample(3), sample(3)] },
  ])
})

test('a contender that throws is left out from then on, and has the error instead of samples', async t => {
  const log: string[] = []
  const error = new Error('Cannot attach')
  const outcomes = await measureRounds(
    [contender('a', log, [sample(1), error]), contender('b', log, [sample(3)])],
    { rounds: 3, openRound: numbered(log) },
  )
  t.deepEqual(log, ['1a', '1b', 'end', '2a', '2b', 'end', '3b', 'end'])
  t.deepEqual(outcomes[0], { name: 'a', failure: { reason: 'Cannot attach', error } })
  t.is(outcomes[1]?.samples?.length, 3)
})

test('hits that are not exactly those expected make a failure of all samples', async t => {
  const outcomes = await measureRounds(
    [
      contender('more', [], [sample(1, 100), sample(1, 100, 103)]),
      contender('less', [], [sample(1, 100, 99)]),
      contender('none', [], [{ nanoseconds: 1, calls: 1 }]),
    ],
    { rounds: 2, openRound: numbered([]) },
  )
  t.deepEqual(
    outcomes.map(({ failure }) => failure?.reason),
    [
      'the program ran 3 times more than the 100 expected: another process calls the target',
      'the program ran 1 times less than the 100 expected: the kernel missed hits',
      undefined,
    ],
  )
})

test('a signal stops it before the next measurement, and the round is closed', async t => {
  const log: string[] = []
  const controller = new AbortController()
  const stop: Contender<{ id: number }> = {
    name: 'stop',
    measure: () => {
      controller.abort(new Error('enough'))
      return sample(1)
    },
  }
  const rounds = measureRounds([stop, contender('never', log, [sample(1)])], {
    rounds: 2,
    openRound: numbered(log),
    signal: controller.signal,
  })
  await t.throwsAsync(rounds, { message: 'enough' })
  t.deepEqual(log, ['end'])
})

test('costs are per hit, each with the base of its own round subtracted', t => {
  const attached = [sample(110), sample(230), sample(320)]
  const base = [sample(10), sample(30), sample(20)]
  const cost = costOf(attached, base, 2)
  t.deepEqual(cost.samples, [50, 100, 150])
  t.is(cost.median, 100)
  t.is(cost.lowerQuartile, 75)
})

test('the cost of a base is its time per call', t => {
  t.deepEqual(costOf([sample(10), sample(30)], undefined).samples, [10, 30])
})

test('a base with another number of samples is refused', t => {
  t.throws(() => costOf([sample(1), sample(2)], [sample(1)]), {
    instanceOf: RangeError,
    message: 'Cannot compute costs: 1 samples of the base for 2',
  })
})
