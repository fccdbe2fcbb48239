/**
 * Every stable error code with the HTTP and the gRPC status it travels under.
 * gRPC statuses follow what a gateway keeps (OpenShell facts): RESOURCE_EXHAUSTED, ALREADY_EXISTS, NOT_FOUND, FAILED_PRECONDITION.
 */
export type GrpcStatus =
  | 'INVALID_ARGUMENT'
  | 'NOT_FOUND'
  | 'ALREADY_EXISTS'
  | 'PERMISSION_DENIED'
  | 'RESOURCE_EXHAUSTED'
  | 'FAILED_PRECONDITION'
  | 'ABORTED'
  | 'UNAVAILABLE'
  | 'DEADLINE_EXCEEDED'
  | 'UNAUTHENTICATED'
  | 'INTERNAL';

export interface ErrorCodeRow {
  readonly http: number;
  readonly grpc: GrpcStatus;
  /** Title of the problem document: what kind of thing went wrong, the same for every occurrence. */
  readonly title: string;
}

export const ERROR_CODES = {
  unauthenticated: { http: 401, grpc: 'UNAUTHENTICATED', title: 'Sign-in required' },
  forbidden: { http: 403, grpc: 'PERMISSION_DENIED', title: 'Not allowed' },
  not_found: { http: 404, grpc: 'NOT_FOUND', title: 'Not found' },
  malformed_body: { http: 400, grpc: 'INVALID_ARGUMENT', title: 'Body cannot be read' },
  unsupported_media_type: { http: 415, grpc: 'INVALID_ARGUMENT', title: 'Unsupported media type' },
  validation_failed: { http: 422, grpc: 'INVALID_ARGUMENT', title: 'Value not accepted' },
  unknown_field: { http: 422, grpc: 'INVALID_ARGUMENT', title: 'Unknown field' },
  config_invalid: { http: 422, grpc: 'INVALID_ARGUMENT', title: 'Extension config not accepted' },
  unowned_config_block: { http: 422, grpc: 'INVALID_ARGUMENT', title: 'Config block that nobody owns' },
  invalid_cursor: { http: 422, grpc: 'INVALID_ARGUMENT', title: 'Cursor not accepted' },
  target_not_allowed: { http: 422, grpc: 'FAILED_PRECONDITION', title: 'Target not in the allow-list' },
  body_too_large: { http: 413, grpc: 'INVALID_ARGUMENT', title: 'Body too large' },
  rate_limited: { http: 429, grpc: 'RESOURCE_EXHAUSTED', title: 'Too many requests' },
  precondition_failed: { http: 412, grpc: 'ABORTED', title: 'Changed by somebody else' },
  precondition_required: { http: 428, grpc: 'FAILED_PRECONDITION', title: 'If-Match required' },
  idempotency_conflict: { http: 409, grpc: 'ABORTED', title: 'Idempotency key in use' },
  extension_exists: { http: 409, grpc: 'ALREADY_EXISTS', title: 'Extension exists' },
  extension_in_use: { http: 409, grpc: 'FAILED_PRECONDITION', title: 'Extension in use' },
  activation_overlap: { http: 409, grpc: 'FAILED_PRECONDITION', title: 'Activations overlap' },
  driver_exists: { http: 409, grpc: 'ALREADY_EXISTS', title: 'Driver exists' },
  driver_in_use: { http: 409, grpc: 'FAILED_PRECONDITION', title: 'Driver in use' },
  invalid_extension_name: { http: 422, grpc: 'INVALID_ARGUMENT', title: 'Extension name not accepted' },
  invalid_activation_key: { http: 422, grpc: 'INVALID_ARGUMENT', title: 'Activation key not accepted' },
  manifest_mismatch: { http: 422, grpc: 'FAILED_PRECONDITION', title: 'Manifest differs from its registration' },
  unknown_phase: { http: 422, grpc: 'INVALID_ARGUMENT', title: 'Unknown phase' },
  unknown_point: { http: 422, grpc: 'INVALID_ARGUMENT', title: 'Unknown mutation point' },
  unsupported_contract: { http: 422, grpc: 'FAILED_PRECONDITION', title: 'Contract version not spoken' },
  extension_unavailable: { http: 503, grpc: 'FAILED_PRECONDITION', title: 'Extension cannot be reached' },
  breaker_open: { http: 503, grpc: 'FAILED_PRECONDITION', title: 'Breaker open' },
  killed: { http: 503, grpc: 'FAILED_PRECONDITION', title: 'Kill switch on' },
  capability_missing: { http: 422, grpc: 'FAILED_PRECONDITION', title: 'Driver lacks a capability' },
  activation_unknown: { http: 403, grpc: 'FAILED_PRECONDITION', title: 'No extension has this key' },
  activation_not_granted: { http: 403, grpc: 'FAILED_PRECONDITION', title: 'Activation not granted' },
  activation_disabled: { http: 403, grpc: 'FAILED_PRECONDITION', title: 'Activation disabled' },
  reserved_label: { http: 403, grpc: 'FAILED_PRECONDITION', title: 'Reserved label' },
  reserved_field: { http: 422, grpc: 'FAILED_PRECONDITION', title: 'Reserved field' },
  point_closed: { http: 422, grpc: 'FAILED_PRECONDITION', title: 'Mutation point closed' },
  patch_invalid: { http: 422, grpc: 'FAILED_PRECONDITION', title: 'Patch not accepted' },
  patch_too_large: { http: 422, grpc: 'FAILED_PRECONDITION', title: 'Patch too large' },
  plan_invalid: { http: 422, grpc: 'FAILED_PRECONDITION', title: 'Plan not accepted by the driver' },
  field_conflict: { http: 409, grpc: 'FAILED_PRECONDITION', title: 'Two extensions change the same field' },
  hook_denied: { http: 422, grpc: 'FAILED_PRECONDITION', title: 'Denied by an extension' },
  resource_exhausted: { http: 429, grpc: 'RESOURCE_EXHAUSTED', title: 'Nothing left to allocate' },
  hook_failed: { http: 502, grpc: 'FAILED_PRECONDITION', title: 'Extension failed' },
  hook_protocol_error: { http: 502, grpc: 'FAILED_PRECONDITION', title: 'Extension answered outside the contract' },
  hook_timed_out: { http: 504, grpc: 'FAILED_PRECONDITION', title: 'Extension did not answer in time' },
  driver_unknown: { http: 422, grpc: 'INVALID_ARGUMENT', title: 'Unknown driver' },
  driver_failed: { http: 502, grpc: 'INTERNAL', title: 'Driver failed' },
  driver_unavailable: { http: 503, grpc: 'UNAVAILABLE', title: 'Driver unavailable' },
  sandbox_exists: { http: 409, grpc: 'ALREADY_EXISTS', title: 'Sandbox exists' },
  sandbox_busy: { http: 409, grpc: 'FAILED_PRECONDITION', title: 'Sandbox busy' },
  sandbox_state: { http: 409, grpc: 'FAILED_PRECONDITION', title: 'Not possible in this state' },
  run_superseded: { http: 409, grpc: 'ABORTED', title: 'Superseded by another run' },
  effect_not_owed: { http: 409, grpc: 'FAILED_PRECONDITION', title: 'Effect is not owed' },
  run_not_resumable: { http: 409, grpc: 'FAILED_PRECONDITION', title: 'Run is not interrupted' },
  run_timed_out: { http: 504, grpc: 'DEADLINE_EXCEEDED', title: 'Run out of time' },
  revision_unavailable: { http: 503, grpc: 'FAILED_PRECONDITION', title: 'Extension revision gone' },
  store_unavailable: { http: 503, grpc: 'UNAVAILABLE', title: 'Store unavailable' },
  internal: { http: 500, grpc: 'INTERNAL', title: 'Internal error' },
} as const satisfies Record<string, ErrorCodeRow>;

export type ErrorCode = keyof typeof ERROR_CODES;
export const ERROR_CODE_NAMES = Object.keys(ERROR_CODES) as ErrorCode[];
