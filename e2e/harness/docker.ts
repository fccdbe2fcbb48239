import { request } from 'node:http';
import { z } from 'zod';

/** The Engine as an operator sees it: what stands there, and hands to take it away behind Tenon's back. */

const Container = z.object({
  Id: z.string(),
  Image: z.string(),
  State: z.object({ Status: z.string(), Pid: z.number(), ExitCode: z.number() }),
  Config: z.object({ Env: z.array(z.string()).nullable(), Labels: z.record(z.string(), z.string()).nullable() }),
  NetworkSettings: z.object({ Networks: z.record(z.string(), z.object({ IPAddress: z.string() })) }),
});
export type Container = z.infer<typeof Container>;

const Listed = z.array(z.object({ Id: z.string(), Labels: z.record(z.string(), z.string()).nullable() }));

/** Everything that a careless driver could leave: `docker ps -a`, `docker network ls`, `docker volume ls`. */
export interface EngineState {
  readonly containers: readonly string[];
  readonly networks: readonly string[];
  readonly volumes: readonly string[];
}

export async function engineState(): Promise<EngineState> {
  const [containers, networks, volumes] = await Promise.all([
    engine('GET', '/containers/json?all=true', z.array(z.object({ Names: z.array(z.string()) }))),
    engine('GET', '/networks', z.array(z.object({ Name: z.string() }))),
    engine('GET', '/volumes', z.object({ Volumes: z.array(z.object({ Name: z.string() })).nullable() })),
  ]);
  return {
    containers: containers.flatMap(({ Names }) => Names).sort(),
    networks: networks.map(({ Name }) => Name).sort(),
    volumes: (volumes.Volumes ?? []).map(({ Name }) => Name).sort(),
  };
}

/** The containers of one sandbox, found by the label that the driver sets. */
export async function containersOf(sandboxId: string): Promise<Container[]> {
  const filters = encodeURIComponent(JSON.stringify({ label: [`tenon.dev/sandbox-id=${sandboxId}`] }));
  const found = await engine('GET', `/containers/json?all=true&filters=${filters}`, Listed);
  return Promise.all(found.map(({ Id }) => engine('GET', `/containers/${Id}/json`, Container)));
}

export async function onlyContainerOf(sandboxId: string): Promise<Container> {
  const [container, ...others] = await containersOf(sandboxId);
  if (container === undefined || others.length > 0) throw new Error(`the sandbox ${sandboxId} has ${others.length + (container ? 1 : 0)} containers`);
  return container;
}

export async function removeContainer(id: string): Promise<void> {
  await engine('DELETE', `/containers/${id}?force=true&v=true`, z.undefined());
}

export async function killContainer(id: string): Promise<void> {
  await engine('POST', `/containers/${id}/kill`, z.undefined());
}

/** Takes away what an installation left, so that a journey that failed leaves no more than one that went well. */
export async function removeAllOf(installation: string): Promise<void> {
  const filters = encodeURIComponent(JSON.stringify({ label: [`tenon.dev/installation=${installation}`] }));
  for (const { Id } of await engine('GET', `/containers/json?all=true&filters=${filters}`, Listed)) await removeContainer(Id);
  for (const { Id } of await engine('GET', `/networks?filters=${filters}`, Listed)) await engine('DELETE', `/networks/${Id}`, z.undefined());
}

function engine<T extends z.ZodType>(method: string, path: string, view: T): Promise<z.output<T>> {
  const host = process.env.DOCKER_HOST ?? 'unix:///var/run/docker.sock';
  return new Promise((settle, fail) => {
    const call = request({ socketPath: host.slice('unix://'.length), method, path: `/v1.41${path}`, agent: false }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk));
      answer.once('error', fail);
      answer.once('end', () => {
        const text = Buffer.concat(chunks).toString('utf8');
        if ((answer.statusCode ?? 500) >= 300) fail(new Error(`the Engine answered ${answer.statusCode} to ${method} ${path}: ${text}`));
        else settle(view.parse(text === '' ? undefined : JSON.parse(text)));
      });
    });
    call.once('error', fail);
    call.end();
  });
}
