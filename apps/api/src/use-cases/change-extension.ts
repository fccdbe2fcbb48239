import type { ExtensionBody, ExtensionView, KillSwitchBody } from '@tenon/contract';
import type { ExtensionRecord, Json, Manifest, NewTransport } from '@tenon/lifecycle';
import { type Call, callerOf, type Deps } from '../context.ts';
import { act } from '../policy/act.ts';
import { loadExtension, viewExtension } from './read-extensions.ts';

/** Registers an extension out of process, or refuses it with the field and the way out. */
export async function registerExtension(deps: Deps, call: Call, body: ExtensionBody): Promise<ExtensionView> {
  const extension = await act(deps, call, { action: 'extension.register', object: { kind: 'extension', name: body.manifest.name }, after: summary }, () =>
    deps.engine.register(manifestOf(body), transportOf(body)),
  );
  return viewExtension(deps, extension);
}

/** Adds a revision; revisions never change afterwards, and activations stay on theirs until somebody moves them. */
export async function addRevision(deps: Deps, call: Call, name: string, body: ExtensionBody): Promise<ExtensionView> {
  const before = await loadExtension(deps, name);
  const extension = await act(
    deps,
    call,
    { action: 'extension.add_revision', object: { kind: 'extension', name }, before: summary(before), after: summary },
    () => deps.engine.addRevision(name, manifestOf(body), transportOf(body)),
  );
  return viewExtension(deps, extension);
}

/** Unregisters; refused while something still needs it, unless forced with a reason. */
export async function removeExtension(
  deps: Deps,
  call: Call,
  name: string,
  options: { readonly force: boolean; readonly reason: string | null },
): Promise<void> {
  const before = await loadExtension(deps, name);
  await act(
    deps,
    call,
    {
      action: 'extension.remove',
      object: { kind: 'extension', name },
      reason: options.reason,
      before: summary(before),
      after: () => (options.force ? { forced: true } : null),
    },
    () => deps.engine.unregister(name, options),
  );
}

/** Stops or allows every call of an extension, at once and everywhere. It asks for no version: it must never lose a race. */
export async function setKillSwitch(deps: Deps, call: Call, name: string, body: KillSwitchBody): Promise<ExtensionView> {
  const before = await loadExtension(deps, name);
  const extension = await act(
    deps,
    call,
    {
      action: 'extension.kill_switch',
      object: { kind: 'extension', name },
      reason: body.reason,
      before: { on: before.killSwitch.on },
      after: (after) => ({ on: after.killSwitch.on }),
    },
    () => deps.engine.setKillSwitch(name, body.on, body.reason, callerOf(call)),
  );
  return viewExtension(deps, extension);
}

// The schema leaves phase names open, because the registry refuses unknown ones with a code of their own.
const manifestOf = (body: ExtensionBody): Manifest => body.manifest as Manifest;

function transportOf({ transport }: ExtensionBody): NewTransport {
  return {
    kind: transport.kind,
    url: transport.kind === 'http' ? transport.url : transport.target,
    secret: transport.secret ?? null,
    signedAnswers: transport.signedAnswers,
  };
}

const summary = (extension: ExtensionRecord): Json => ({
  latest: extension.latest,
  revisions: extension.revisions.map(({ revision }) => revision),
  transport: extension.revisions.at(-1)?.transport.url ?? null,
});
