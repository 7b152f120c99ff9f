/** Holds a user namespace, and a context of a BPF file system of it, until its input ends. Prints the descriptor. */

import { openContext } from './user-namespace.ts'

console.log(openContext())
process.stdin.resume()
