import { type Dashboard, most, quantile, rate } from "./dashboard.ts";

export const jobs: Dashboard = {
  uid: "cos-jobs",
  title: "COS: jobs",
  about: "How long jobs take, where their time goes, and how much of the objective's budget is used.",
  rows: [
    {
      title: "Objective",
      panels: [
        {
          title: "Missed the objective, last day",
          about:
            "Of jobs COMMITTED, FAILED or EXPIRED. The budget and the objective are the chart's monitoring.rules.thresholds.",
          unit: "percentunit",
          kind: "figure",
          width: 6,
          queries: [["sum(cos:jobs_missed:increase1d{$ns}) / sum(cos:jobs_ended:increase1d{$ns})", "missed"]],
        },
        {
          title: "Jobs ended, last day",
          unit: "short",
          kind: "figure",
          width: 6,
          queries: [["sum(cos:jobs_ended:increase1d{$ns})", "ended"]],
        },
        {
          title: "Jobs under way",
          unit: "short",
          kind: "figure",
          width: 6,
          queries: [
            [`sum(${most("cos_jobs_count_current", "namespace, state", 'state!="COMMITTED"')})`, "jobs"],
          ],
        },
        {
          title: "Oldest job that computes or waits to",
          unit: "s",
          kind: "figure",
          width: 6,
          queries: [[most("cos_job_oldest_age_seconds", "namespace"), "{{namespace}}"]],
        },
        {
          title: "Missed the objective, by window",
          about:
            "Alerts look at a long and a short window together: fast burns page, slow ones make a ticket.",
          unit: "percentunit",
          width: 24,
          queries: ["5m", "30m", "1h", "2h", "6h", "1d", "3d"].map((window) => [
            `sum(cos:jobs_missed:increase${window}{$ns}) / sum(cos:jobs_ended:increase${window}{$ns})`,
            window,
          ]),
        },
      ],
    },
    {
      title: "Latency",
      panels: [
        {
          title: "Permit mirrored to result on chain",
          unit: "s",
          queries: [0.5, 0.9, 0.99].map((share) => [
            quantile(share, "cos_job_latency_seconds", 'state="COMMITTED"'),
            `p${share * 100}`,
          ]),
        },
        {
          title: "Mean time in each state",
          about:
            "PERMITTED is planning, PLANNED waits for a worker, RUNNING and REDUCING compute, COMPLETED waits for the result's block.",
          unit: "s",
          kind: "stacked",
          queries: [
            [
              `${rate("cos_job_stage_seconds_sum", "stage")} / ${rate("cos_job_stage_seconds_count", "stage")}`,
              "{{stage}}",
            ],
          ],
        },
        {
          title: "Time in each state, p95",
          unit: "s",
          queries: [[quantile(0.95, "cos_job_stage_seconds", "", "stage"), "{{stage}}"]],
        },
        {
          title: "Reached so far, p95 since the permit",
          unit: "s",
          queries: [
            [
              quantile(
                0.95,
                "cos_job_latency_seconds",
                'state=~"PLANNED|RUNNING|REDUCING|COMPLETED|COMMITTED|SETTLED"',
                "state",
              ),
              "{{state}}",
            ],
          ],
        },
      ],
    },
    {
      title: "States",
      panels: [
        {
          title: "Jobs that have not ended",
          unit: "short",
          kind: "stacked",
          queries: [[most("cos_jobs_count_current", "state"), "{{state}}"]],
        },
        {
          title: "Jobs that come into a state",
          unit: "cps",
          queries: [[rate("cos_job_transitions_total", "state"), "{{state}}"]],
        },
      ],
    },
  ],
};
