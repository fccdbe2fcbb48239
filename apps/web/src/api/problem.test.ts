import { describe, expect, it } from 'vitest';
import { errorAt, problemOf, readProblem } from './problem.ts';

const document = {
  code: 'forbidden',
  title: 'Not allowed',
  detail: 'activation.update takes the role operator',
  hint: 'Use another token.',
  status: 403,
  requestId: 'r1',
  missingRole: 'operator',
};

describe('problemOf', () => {
  it('reads the document where tRPC carries it, and where the server answered it bare', () => {
    expect(problemOf({ data: { problem: document } })).toMatchObject(document);
    expect(
      problemOf(Object.assign(new Error('Unable to transform response from server'), { data: undefined, meta: { responseJSON: document } })),
    ).toMatchObject(document);
  });
  it('says that no answer came where none did', () => {
    expect(problemOf(new TypeError('fetch failed'))).toMatchObject({ code: 'no_answer', status: null, detail: 'fetch failed' });
    expect(problemOf('gone').detail).toBe('gone');
  });
  it('is not fooled by what is no problem document', () => {
    for (const value of [null, [], 'x', {}, { code: 'forbidden' }, { detail: 'x' }]) expect(readProblem(value)).toBeNull();
    expect(readProblem({ code: 'not_found', detail: 'x' })).toMatchObject({ status: 404, title: 'Not found' });
  });
});

describe('errorAt', () => {
  const problem = readProblem({ code: 'config_invalid', detail: 'no subnet', pointer: '/config/subnet' });
  it('finds the field that a pointer names, and what lies below one', () => {
    expect(errorAt(problem, '/config/subnet')).toBe('no subnet');
    expect(errorAt(problem, '/order', '/config/*')).toBe('no subnet');
    expect(errorAt(problem, '/config')).toBeNull();
    expect(errorAt(problem, '/con/*')).toBeNull();
    expect(errorAt(null, '/config/subnet')).toBeNull();
  });
});
