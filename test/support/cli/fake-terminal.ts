/**
 * Standard streams that remember what is written: for the command line in the test's own process.
 *
 * @module
 */

import { Writable } from 'node:stream'
import { execute, type Tool } from '../../../src/cli/form/execute.ts'
import { Output } from '../../../src/cli/output/output.ts'
import { Sink, type TextStream } from '../../../src/cli/output/sink.ts'
import { tool } from '../../../src/cli/tool.ts'

/** A stream that remembers its text, and takes it only when it is allowed to. */
export class FakeStream extends Writable implements TextStream {
  readonly isTTY: boolean
  readonly columns: number
  text = ''
  /** What the reader has not yet taken; only when the stream is stalled. */
  #untaken: (() => void) | undefined
  /** While true the reader takes nothing. */
  stalled = false

  /** @param columns of a terminal; a pipe without */
  constructor(columns?: number) {
    super({ decodeStrings: false, highWaterMark: 1024 })
    this.isTTY = columns !== undefined
    this.columns = columns ?? 0
  }

  override _write(chunk: string, _encoding: string, done: () => void): void {
    const take = (): void => {
      this.text += chunk
      done()
    }
    if (this.stalled) this.#untaken = take
    else take()
  }

  /** The reader takes what there is, and whatever comes. */
  resume(): void {
    this.stalled = false
    const take = this.#untaken
    this.#untaken = undefined
    take?.()
  }
}

/** An output and the stream behind it. */
export function fakeOutput(
  columns?: number,
  env: NodeJS.ProcessEnv = {},
): { output: Output; sink: Sink; stream: FakeStream } {
  const stream = new FakeStream(columns)
  const sink = new Sink(stream, false)
  return { output: new Output(sink, env), sink, stream }
}

/** The end of a command, and what it wrote. */
export interface Executed {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/**
 * Runs a command line in this process.
 *
 * @param options `columns` of the terminal, pipes without; the tool, `of` others than ours; whether it has `styles`
 */
export async function executeHere(
  args: readonly string[],
  { columns, of = tool, styles = true }: { columns?: number | undefined; of?: Tool; styles?: boolean } = {},
): Promise<Executed> {
  const [stdout, stderr] = [new FakeStream(columns), new FakeStream(columns)]
  const { code } = await execute(of, args, { stdout, stderr, env: styles ? {} : { NO_COLOR: '1' } })
  return { code, stdout: stdout.text, stderr: stderr.text }
}
