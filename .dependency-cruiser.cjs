// The floors of the house (ARCHITECTURE.md). Every rule says why, because its message is what a newcomer reads first.
const floor = (name, comment, from, to) => ({ name, severity: 'error', comment, from, to });
const src = (pkg) => `^packages/${pkg}/`;

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    floor(
      'no-cycles',
      'A cycle means two files are one idea or one of them knows too much.',
      {},
      { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    ),
    floor('no-unresolved', 'An import that resolves to nothing fails at run time.', {}, { couldNotResolve: true }),
    floor(
      'vocabulary-stands-alone',
      'vocabulary is the floor under everything: it imports nothing.',
      { path: src('vocabulary'), pathNot: '\\.test\\.ts$' },
      { path: '.+', pathNot: src('vocabulary') },
    ),
    floor(
      'sdk-stands-alone',
      'Extension authors install the SDK alone: it imports nothing of ours.',
      { path: src('extension-sdk'), pathNot: '\\.test\\.ts$' },
      { path: '^(packages|apps)/', pathNot: src('extension-sdk') },
    ),
    floor(
      'lifecycle-is-pure',
      'The engine knows phases, plans and effects, never a backend, a database or a socket: only vocabulary lies below it.',
      { path: src('lifecycle') },
      { path: '^(packages|apps)/', pathNot: '^packages/(lifecycle|vocabulary)/' },
    ),
    floor(
      'lifecycle-no-io',
      'Ports are the only way out of the engine.',
      { path: '^packages/lifecycle/src/', pathNot: '\\.test\\.ts$' },
      { path: '^(node:)?(fs|net|http|https|child_process|dgram|tls|worker_threads)(/|$)' },
    ),
    floor(
      'contract-floor',
      'The public contract is vocabulary and zod, so that any client can have it.',
      { path: src('contract') },
      { path: '^(packages|apps)/', pathNot: '^packages/(contract|vocabulary)/' },
    ),
    floor(
      'middle-floor',
      'drivers, store and extensions stand on lifecycle and never on one another; compose.ts brings them together.',
      { path: '^packages/(drivers|store|extensions)/' },
      { path: '^(packages|apps)/', pathNot: '^packages/($1|lifecycle|vocabulary)/' },
    ),
    floor(
      'transports-floor',
      'transports stand on lifecycle and the wire contract.',
      { path: src('transports'), pathNot: '\\.test\\.ts$' },
      { path: '^(packages|apps)/', pathNot: '^packages/(transports|contract|lifecycle|vocabulary)/' },
    ),
    floor(
      'drivers-are-apart',
      'Driver folders never import each other; what two share is a folder of its own beside them.',
      { path: '^packages/drivers/src/(process|docker|podman|kubernetes|vm|external|composed)/' },
      { path: '^packages/drivers/src/(process|docker|podman|kubernetes|vm|external|composed)/', pathNot: '^packages/drivers/src/$1/' },
    ),
    floor(
      'compose-is-the-only-joiner',
      'Only compose.ts builds concrete stores, drivers and transports; elsewhere the API sees ports.',
      { path: '^apps/api/src/', pathNot: '(compose\\.ts|\\.test\\.ts)$' },
      { path: '^packages/(drivers|transports|store|extensions)/', dependencyTypesNot: ['type-only'] },
    ),
    floor('prisma-in-store-only', 'Database rows never leave the store.', { pathNot: '^packages/store/' }, { path: '(@prisma|packages/store/src/generated)' }),
    floor(
      'web-floor',
      'The web app speaks the contract; it may know the type of the router and nothing else of the API.',
      { path: '^apps/web/' },
      { path: '^(packages|apps)/', pathNot: '^(apps/web|packages/contract|packages/vocabulary)/', dependencyTypesNot: ['type-only'] },
    ),
    floor(
      'web-features-have-one-door',
      "A feature's index.ts is its only door.",
      { path: '^apps/web/src/features/([^/]+)/' },
      { path: '^apps/web/src/features/([^/]+)/.+', pathNot: '^apps/web/src/features/($1/|[^/]+/index\\.tsx?$)' },
    ),
    floor(
      'e2e-from-outside',
      'Journeys speak HTTP and the contract, as a client does.',
      { path: '^e2e/' },
      { path: '^(packages|apps)/', pathNot: '^packages/(contract|vocabulary)/' },
    ),
    floor(
      'no-own-index',
      'Inside a package nobody imports its own index: that is how import cycles begin.',
      { path: '^packages/([^/]+)/src/', pathNot: '\\.test\\.ts$' },
      { path: '^packages/$1/src/index\\.ts$' },
    ),
    floor(
      'tests-are-not-imported',
      'Production code never imports a test or the testing folder.',
      { path: '/src/', pathNot: '\\.test\\.tsx?$' },
      { path: '(\\.test\\.tsx?$|/testing/)' },
    ),
  ],
  options: {
    doNotFollow: { path: '(node_modules|dist|\\.next|generated)' },
    exclude: { path: '(node_modules|/dist/|\\.next/|/generated/|next-env\\.d\\.ts$)' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.base.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'types', 'node', 'default'],
      extensions: ['.ts', '.tsx', '.mjs', '.cjs', '.js', '.json'],
    },
  },
};
