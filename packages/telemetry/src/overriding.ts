/** An object like another, some of whose methods are replaced; the rest still run on the object itself. */
export function overriding<T extends object>(target: T, replacements: Partial<T>): T {
  return new Proxy(target, {
    get: (object, name) => {
      if (Object.hasOwn(replacements, name)) return replacements[name as keyof T];
      const value: unknown = Reflect.get(object, name, object);
      return typeof value === "function" ? value.bind(object) : value;
    },
  });
}
