import { type Dashboard, most, quantile, rate } from "./dashboard.ts";

export const settlement: Dashboard = {
  uid: "cos-settlement",
  title: "COS: settlement",
  about: "The operator's transactions and the keys that sign them.",
  rows: [
    {
      title: "Transactions",
      panels: [
        {
          title: "Oldest that is not mined",
          unit: "s",
          kind: "figure",
          width: 8,
          queries: [[most("cos_transaction_oldest_unmined_age_seconds", "namespace"), "{{namespace}}"]],
        },
        {
          title: "Uses that wait for the log",
          unit: "short",
          kind: "figure",
          width: 8,
          queries: [[most("cos_uses_waiting_count_current", "namespace"), "{{namespace}}"]],
        },
        {
          title: "Lowest balance of a key, in coins",
          unit: "none",
          kind: "figure",
          width: 8,
          queries: [["min by (role) (cos_signer_balance_wei{$ns}) / 1e18", "{{role}}"]],
        },
        {
          title: "By state",
          about: "Final ones are not counted.",
          unit: "short",
          kind: "stacked",
          queries: [[most("cos_transaction_intents_count_current", "state"), "{{state}}"]],
        },
        {
          title: "What happens to them",
          unit: "cps",
          queries: [[rate("cos_transaction_intent_changes_total", "change"), "{{change}}"]],
        },
        {
          title: "Age of the oldest that is not mined",
          unit: "s",
          queries: [[most("cos_transaction_oldest_unmined_age_seconds", "namespace"), "{{namespace}}"]],
        },
        {
          title: "Uses that wait",
          unit: "short",
          queries: [[most("cos_uses_waiting_count_current", "namespace"), "{{namespace}}"]],
        },
      ],
    },
    {
      title: "Keys and money",
      panels: [
        {
          title: "Balance of signing keys, in coins",
          unit: "none",
          queries: [["min by (namespace, role) (cos_signer_balance_wei{$ns}) / 1e18", "{{role}}"]],
        },
        {
          title: "Spent in a day, in coins",
          about: "Money that came in hides what went out.",
          unit: "none",
          queries: [
            ["sum by (role) (clamp_min(-delta(cos_signer_balance_wei{$ns}[1d]), 0)) / 1e18", "{{role}}"],
          ],
        },
        {
          title: "COMPLETED to COMMITTED",
          about: "What a result waits for: signature, block, confirmations, mirror.",
          unit: "s",
          queries: [0.5, 0.95].map((share) => [
            quantile(share, "cos_job_stage_seconds", 'stage="COMPLETED"'),
            `p${share * 100}`,
          ]),
        },
        {
          title: "Jobs that settle",
          unit: "cps",
          queries: [[rate("cos_job_transitions_total", "state", 'state=~"COMMITTED|SETTLED"'), "{{state}}"]],
        },
      ],
    },
  ],
};
