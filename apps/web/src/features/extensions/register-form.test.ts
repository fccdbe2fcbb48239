import { ExtensionBody } from '@tenon/contract';
import { describe, expect, it } from 'vitest';
import { EXAMPLE_MANIFEST, registerBody } from './register-form.ts';

const form = { manifest: EXAMPLE_MANIFEST, kind: 'http', target: ' http://127.0.0.1:9000 ', secret: '', signedAnswers: false } as const;

describe('registerBody', () => {
  it('makes a body of the contract', () => {
    expect(registerBody(form).errors).toEqual({});
    expect(ExtensionBody.parse(registerBody({ ...form, secret: 's', signedAnswers: true }).body)).toMatchObject({
      transport: { kind: 'http', url: 'http://127.0.0.1:9000', secret: 's', signedAnswers: true },
    });
    expect(ExtensionBody.parse(registerBody({ ...form, kind: 'grpc', target: '127.0.0.1:9001' }).body)).toMatchObject({
      transport: { kind: 'grpc', target: '127.0.0.1:9001', signedAnswers: false },
    });
  });
  it('says at its field what is missing or no JSON', () => {
    expect(Object.keys(registerBody({ ...form, manifest: '[1]', target: '' }).errors)).toEqual(['/manifest', '/transport/url']);
    expect(registerBody({ ...form, manifest: '{' }).errors['/manifest']).toMatch(/no JSON/);
    expect(registerBody({ ...form, manifest: '{' }).body).toBeNull();
  });
});
