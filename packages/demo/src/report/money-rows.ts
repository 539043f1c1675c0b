import type { CosClient } from "@cos/client";
import { toBytes, toHex } from "@cos/client";
import { formatUnits } from "ethers";
import type { ReportData } from "./report-data.ts";

const words: Readonly<Record<string, string>> = {
  "fee-locked": "fee locked for the permit",
  "bond-locked": "bond locked",
  "compute-share": "share of the compute",
  "author-share": "share of the program's author",
  "data-share": "share of the data",
  "work-fee": "fee for work done before a stop",
  refund: "refund",
  bond: "bond",
  withdrawal: "withdrawn",
};

/** Every movement of money of one permit, from settlement's statements of the accounts that took part. */
export async function moneyRows(
  client: CosClient,
  permitId: string,
  accounts: readonly { readonly who: string; readonly address: string }[],
): Promise<ReportData["money"][number][]> {
  const token = client.platform.chain.feeTokens[0];
  const rows: ReportData["money"][number][] = [];
  for (const { who, address } of accounts) {
    const { lines } = await client.services.settlement.getStatement({ account: toBytes(address) });
    for (const line of lines) {
      if (toHex(line.permitId) !== permitId) continue;
      const amount = formatUnits(line.amount, token?.decimals ?? 0);
      rows.push({
        who,
        what: words[line.kind] ?? line.kind,
        amount: `${amount} ${token?.symbol ?? ""}`.trim(),
      });
    }
  }
  return rows;
}
