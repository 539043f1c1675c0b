import { serveOwner } from "./owner-host.ts";
import { createSealSteps } from "./seal-keyless-steps.ts";

serveOwner(createSealSteps);
