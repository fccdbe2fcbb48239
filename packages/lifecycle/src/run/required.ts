import { TenonError } from '../errors.ts';
import type { Session } from './session.ts';

/**
 * Fails closed before anything of a start is called: every extension that the sandbox requires must be callable, also one whose hooks
 * this start would not reach. A create is refused alike when activation is decided.
 */
export async function refuseUncallable(session: Session): Promise<void> {
  const { directory } = session.deps;
  for (const active of session.record.extensions) {
    if (!active.required || active.mode !== 'enforce') continue;
    const stopped = (await directory.all()).get(active.name)?.killSwitch;
    if (stopped?.on) {
      throw new TenonError('killed', `${active.name}, which ${session.ref.name} requires, is stopped by its kill switch: ${stopped.reason ?? ''}`, {
        extension: active.name,
        hint: `Turn the kill switch of ${active.name} off, then start the sandbox again.`,
      });
    }
    const resolved = await directory.resolve(active.name, active.revision);
    if (resolved.kind === 'gone') throw new TenonError('revision_unavailable', resolved.detail, { extension: active.name });
  }
}
