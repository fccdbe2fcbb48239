import { Ban, Check } from 'lucide-react';
import type { StateLook } from '../../ui/state.tsx';

/** The kill switch as a state: on is what needs an eye. */
export const killLook = (on: boolean): StateLook => (on ? { tone: 'bad', icon: Ban, word: 'on' } : { tone: 'ok', icon: Check, word: 'off' });
