import { serveOwner } from "@cos/fhe/owner-host";
import { createNativeSteps } from "./native-keyless-steps.ts";

serveOwner(async (profile) => {
  const native = createNativeSteps(profile);
  if (native !== undefined) return native;
  const { createSealSteps } = await import("@cos/fhe/seal-keyless-steps");
  return createSealSteps(profile);
});
