import type { ProcessPlan } from './planner.ts';

/**
 * The POSIX shell that stands between Tenon and the command, so that an exit code survives Tenon. It leads the process group and does
 * four things: sets the limits in a subshell, says on descriptor 3 that they hold, runs the command there, and leaves its code on
 * descriptor 4 by one write that ends in a newline, so that nobody takes half a code for one. Then it ends whatever the command left
 * behind. Both descriptors are files of Tenon's own, closed to the command. A stop signals the whole group: the shim catches what the
 * command should get, so that it is still there to write the code.
 * What the shell itself says of a command's death is no word of the command's: it stays out of the log.
 * Positional parameters only: a variable set here could be one of the plan's environment. Parameters: nofile, memory in KiB, CPU
 * seconds (each empty for no limit), the working directory, the command.
 */
const SHIM = `
trap : TERM INT HUP QUIT USR1 USR2 ALRM XCPU
exec 5>&2 2>/dev/null
(
  exec 2>&5 5>&-
  if [ -n "$1" ]; then ulimit -n "$1" || { echo nofile >&3; exit 125; }; fi
  if [ -n "$2" ]; then ulimit -v "$2" || { echo memoryBytes >&3; exit 125; }; fi
  if [ -n "$3" ]; then ulimit -t "$3" || { echo cpuSeconds >&3; exit 125; }; fi
  cd -P "$4" || { echo cwd >&3; exit 125; }
  shift 4
  unset PWD OLDPWD SHLVL
  echo ok >&3
  exec "$@" 3>&- 4>&-
)
printf '%s\\n' "$?" >&4
kill -s KILL 0
`;

/** Everything after `sh`. `marker` is `$0`: it shows in the process table, and finds the shim again after a crash. */
export function shimArguments(marker: string, plan: ProcessPlan): readonly string[] {
  const { nofile, memoryBytes, cpuSeconds } = plan.limits;
  const limit = (value: number | null): string => (value === null ? '' : String(value));
  const memoryKiB = memoryBytes === null ? null : Math.floor(memoryBytes / 1024);
  return ['-c', SHIM, marker, limit(nofile), limit(memoryKiB), limit(cpuSeconds), plan.cwd, ...plan.command];
}
