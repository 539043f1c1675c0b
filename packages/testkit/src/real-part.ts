const variables = {
  kafka: "COS_PARTS_KAFKA",
  postgres: "COS_PARTS_POSTGRES",
  redis: "COS_PARTS_REDIS",
  s3: "COS_PARTS_S3",
  s3Other: "COS_PARTS_S3_OTHER",
} as const;

export type RealPartName = keyof typeof variables;

const told = new Set<string>();

/**
 * Where a real part is, as `npm run parts` or `npm test` set it. Without it the suite is to be skipped, which one line
 * says; with CI=true that is a failure.
 */
export function realPart(name: RealPartName): string | undefined {
  const variable = variables[name];
  const place = process.env[variable];
  if (place) return place;
  if (process.env.CI === "true")
    throw new Error(`${variable} is not set: with CI=true every part must be there`);
  if (!told.has(name)) console.warn(`skipped: ${variable} is not set (npm run parts -- --once COMMAND)`);
  told.add(name);
  return undefined;
}
