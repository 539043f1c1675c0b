import { z } from "zod";

export { digestSchema } from "@cos/protocol";
export const addressPattern = z.string().regex(/^0x[0-9a-fA-F]{40}$/);
/** A non-negative integer in decimal. */
export const amountText = z.string().regex(/^(0|[1-9][0-9]{0,77})$/);
