/** Names, labels and patterns that are fixed by compatibility with OpenShell or by the contract. */

export const CONTRACT_VERSION = 'tenon.dev/extension/v1';

/** Extension names, activation keys, capability strings; `.` and `..` are refused besides. */
export const EXTENSION_NAME = /^[A-Za-z0-9._-]+$/;
/** Sandbox and workspace names over REST; `--` is refused besides. */
export const SANDBOX_NAME = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;

export const ACTIVATION_LABEL_PREFIX = 'openshell.io/extension.';
/** Trimmed and case-folded label values that ask for an extension, and those that do not. Anything else is refused. */
export const ASKING_VALUES = ['enabled', 'enable', 'requested', 'request', '1', 'true', 'yes', 'y', 'on'] as const;
export const DECLINING_VALUES = ['disabled', 'disable', '0', 'false', 'no', 'n', 'off', ''] as const;

/** Label and annotation prefixes that no request and no extension may set. */
export const RESERVED_LABEL_PREFIXES = ['openshell.ai/', 'openshell.io/', 'agents.x-k8s.io/', 'extensions.agents.x-k8s.io/', 'tenon.dev/'] as const;
export const RESERVED_LABELS = ['openshell.managed'] as const;
export const RESERVED_ENV_PREFIXES = ['OPENSHELL_', 'TENON_'] as const;

/** Labels of our own by which a driver finds its sandboxes at the backend. */
export const SANDBOX_ID_LABEL = 'tenon.dev/sandbox-id';
export const INSTALLATION_LABEL = 'tenon.dev/installation';

/** Object keys that never resolve, wherever they stand in a path or a value. */
export const FORBIDDEN_KEYS = ['__proto__', 'constructor', 'prototype'] as const;

/** Environment names whose values are taken as secrets at the door, case-folded. Settable. */
export const SECRET_NAME_PATTERN = 'pass(word|wd|phrase)?|secret|token|credential|(api|access|private|signing)_?key';
/** The key under which a secret reference stands: `{"$secret": "<id>"}`. */
export const SECRET_REF_KEY = '$secret';

/** A point name that means that part on every driver: `*.labels`, `*.env`, `*.resources`. */
export const NEUTRAL_POINTS = ['labels', 'env', 'resources'] as const;
export type NeutralPoint = (typeof NEUTRAL_POINTS)[number];
