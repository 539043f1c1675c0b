import { type Dashboard, most, rate } from "./dashboard.ts";

export const chain: Dashboard = {
  uid: "cos-chain",
  title: "COS: chain",
  about: "The mirror of the chain, the nodes behind it, and what access answers.",
  rows: [
    {
      title: "Mirror",
      panels: [
        {
          title: "Halted",
          about: "1: it stands still for an operator.",
          unit: "none",
          kind: "figure",
          width: 6,
          queries: [[most("cos_mirror_halted_bool", "namespace"), "{{namespace}}"]],
        },
        {
          title: "Nodes disagree",
          about: "1: no permission is given.",
          unit: "none",
          kind: "figure",
          width: 6,
          queries: [[most("cos_chain_rpc_disagreement_bool", "namespace"), "{{namespace}}"]],
        },
        {
          title: "Behind",
          unit: "s",
          kind: "figure",
          width: 6,
          queries: [[most("cos_mirror_lag_seconds", "namespace"), "{{namespace}}"]],
        },
        {
          title: "Behind, in blocks",
          unit: "blocks",
          kind: "figure",
          width: 6,
          queries: [[most("cos_mirror_lag_blocks", "namespace"), "{{namespace}}"]],
        },
        {
          title: "Time since the head was seen",
          unit: "s",
          queries: [["cos_mirror_lag_seconds{$ns}", "{{pod}}"]],
        },
        {
          title: "Height",
          unit: "blocks",
          queries: [[most("cos_mirror_height_blocks", "stage"), "{{stage}}"]],
        },
        {
          title: "Confirmed, not yet final",
          unit: "blocks",
          queries: [
            [
              `${most("cos_mirror_height_blocks", "namespace", 'stage="confirmed"')} - ${most("cos_mirror_height_blocks", "namespace", 'stage="finalized"')}`,
              "{{namespace}}",
            ],
          ],
        },
        {
          title: "Logs published",
          unit: "cps",
          queries: [[rate("cos_mirror_logs_total", "stage"), "{{stage}}"]],
        },
      ],
    },
    {
      title: "Trouble",
      panels: [
        {
          title: "Reorganisations in an hour, by depth at most",
          unit: "short",
          queries: [
            ["sum by (le) (increase(cos_mirror_reorg_depth_blocks_bucket{$ns}[1h]))", "{{le}} blocks"],
          ],
        },
        {
          title: "Steps that failed",
          unit: "cps",
          queries: [[rate("cos_mirror_step_failures_total", "code"), "{{code}}"]],
        },
      ],
    },
    {
      title: "Answers",
      panels: [
        {
          title: "Questions of access",
          unit: "cps",
          kind: "stacked",
          queries: [[rate("cos_access_decisions_total", "allowed"), "allowed: {{allowed}}"]],
        },
        {
          title: "Refused by clause",
          unit: "cps",
          queries: [[rate("cos_access_decisions_total", "clause", 'allowed="no"'), "clause {{clause}}"]],
        },
      ],
    },
  ],
};
