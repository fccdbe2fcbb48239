import { TenonError } from '../errors.ts';
import type { Manifest } from '../extension.ts';
import type { Json, JsonObject } from '../json.ts';
import { isUnder } from '../plan/pointer.ts';
import type { SandboxRequest } from '../records.ts';
import { checkConfig, propertyNames } from './config-schema.ts';
import { type ExtensionConfig, extensionConfigOf } from './config-scope.ts';
import type { Deciding } from './deciding.ts';
import { listed, pointerTo, quoted } from './wording.ts';

/** What the request itself sets: only keys that the activation names settable. */
export function resolveRequestConfig(name: string, deciding: Deciding, manifest: Manifest, request: SandboxRequest): ExtensionConfig {
  const block = Object.hasOwn(request.extensionConfig, name) ? request.extensionConfig[name] : undefined;
  for (const key of Object.keys(block ?? {})) {
    if (deciding.requestSettable.includes(key)) continue;
    const known = propertyNames(manifest.configSchema).includes(key);
    const settable = `Settable by requests: ${listed(deciding.requestSettable)}.`;
    const message = known ? `${quoted(key)} of extension ${name} may not be set by a request` : `extension ${name} has no config key ${quoted(key)}`;
    throw new TenonError(known ? 'config_invalid' : 'unknown_field', message, {
      extension: name,
      pointer: pointerTo('extensionConfig', name, key),
      hint: `Remove it. ${settable}`,
    });
  }
  return extensionConfigOf(block ?? {});
}

/** Why the activation's config together with what the request set does not fit the schema, or null where it does. */
export function configFault(name: string, deciding: Deciding, manifest: Manifest, requestConfig: JsonObject): TenonError | null {
  try {
    const merged: { [key: string]: Json } = { ...deciding.config, ...requestConfig };
    checkConfig(manifest.configSchema, merged, { extension: name, at: pointerTo('extensionConfig', name) });
    return null;
  } catch (thrown) {
    if (!(thrown instanceof TenonError)) throw thrown;
    const at = thrown.context.pointer ?? '';
    const theirs = [...Object.keys(requestConfig), ...deciding.requestSettable];
    if (theirs.some((key) => isUnder(at, pointerTo('extensionConfig', name, key)))) return thrown;
    // The fault is in the operator's config: there is nothing in the request to point at.
    const { pointer: _pointer, ...context } = thrown.context;
    return new TenonError(
      thrown.code,
      `the config of ${deciding.text} does not fit ${name} ${deciding.revision}: ${thrown.message}`,
      { ...context, hint: 'Have an operator correct the config of the activation.' },
      thrown,
    );
  }
}
