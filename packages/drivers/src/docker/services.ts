import { type DriverServices, type SandboxRef, TenonError } from '@tenon/lifecycle';
import { acceptsConnections } from '../backend-parts/tcp-probe.ts';
import type { DockerClient } from './client.ts';
import { demultiplex } from './demultiplex.ts';
import { type EngineApi, EngineRefusal } from './engine-api.ts';
import { dockerNetworks } from './networks.ts';

const OUTPUT_BYTES = 1_048_576;

/** What in-process extensions get of a docker driver. */
export function dockerServices(api: EngineApi, client: DockerClient, installation: string): DriverServices {
  async function exec({ sandbox, command, signal }: { sandbox: SandboxRef; command: readonly string[]; signal: AbortSignal }) {
    const info = await client.running(sandbox);
    try {
      const body = { AttachStdout: true, AttachStderr: true, Cmd: command };
      const { Id: id } = await api.json<{ Id: string }>({ method: 'POST', path: ['containers', info.Id, 'exec'], body, signal });
      // The command goes on in the container when its caller gives up: the Engine has no way to end it.
      const output = await api.bytes(
        { method: 'POST', path: ['exec', id, 'start'], body: { Detach: false, Tty: false }, signal, timeoutMs: null },
        OUTPUT_BYTES,
      );
      const { ExitCode: exitCode } = await api.json<{ ExitCode: number | null }>({ method: 'GET', path: ['exec', id, 'json'], signal });
      return { exitCode: exitCode ?? 255, output: demultiplex(output) };
    } catch (thrown) {
      if (!(thrown instanceof EngineRefusal)) throw thrown;
      throw new TenonError(
        'driver_failed',
        `exec of ${command[0] ?? 'nothing'} in sandbox ${sandbox.id} failed: ${thrown.message}`,
        { sandboxId: sandbox.id },
        thrown,
      );
    }
  }

  return {
    exec,
    /** From the host to each of the container's addresses; what listens on its loopback alone is found in its own table of sockets. */
    async tcp_probe({ sandbox, port, signal }) {
      const info = await client.runningOrNull(sandbox);
      if (info === null) return false;
      const addresses = Object.values(info.NetworkSettings.Networks).map((network) => network.IPAddress);
      for (const address of addresses) {
        if (address !== '' && (await acceptsConnections(address, port, signal))) return true;
      }
      try {
        const { output } = await exec({ sandbox, command: ['cat', '/proc/net/tcp', '/proc/net/tcp6'], signal });
        return listensOn(output, port);
      } catch (thrown) {
        signal.throwIfAborted();
        // No cat in the image: what the addresses said is all there is to know.
        if (thrown instanceof TenonError && thrown.code === 'driver_failed') return false;
        throw thrown;
      }
    },
    container_networks: dockerNetworks(api, installation),
  };
}

/** Whether `/proc/net/tcp` or its sibling shows a listener (state 0A) on this port. */
export function listensOn(table: string, port: number): boolean {
  const wanted = port.toString(16).toUpperCase().padStart(4, '0');
  return table.split('\n').some((line) => {
    const [, local, , state] = line.trim().split(/\s+/);
    return state === '0A' && local !== undefined && local.split(':')[1] === wanted;
  });
}
