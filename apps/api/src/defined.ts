type Optional<T> = { [K in keyof T as undefined extends T[K] ? K : never]?: Exclude<T[K], undefined> };
type Required<T> = { [K in keyof T as undefined extends T[K] ? never : K]: T[K] };

/** The same object without members that are undefined: a filter that was not given is absent, not undefined. */
export function defined<T extends object>(value: T): Optional<T> & Required<T> {
  return Object.fromEntries(Object.entries(value).filter(([, member]) => member !== undefined)) as Optional<T> & Required<T>;
}
