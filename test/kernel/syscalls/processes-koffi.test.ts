import test from 'ava'
import { processes } from '../../support/syscalls/processes.ts'

processes(test, 'koffi')
