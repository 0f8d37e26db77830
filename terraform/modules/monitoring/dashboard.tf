# One page: is it well, what comes in and what becomes of it, how long it takes, what is refused, what it costs.
locals {
  ladders = {
    decision_latency = { title = "From signal to decision", unit = "ms", bounds = [50, 100, 250, 500, 1000, 2500, 10000] }
    decision_compute = { title = "In the worker", unit = "ms", bounds = [1, 2, 5, 10, 25, 50, 100, 250] }
    context_age      = { title = "Age of the session's latest event", unit = "s", bounds = [1, 2, 5, 15, 60, 300, 3600] }
  }
  # The share of decisions at most so long, rung by rung: where a line leaves 1 is how long the rest took.
  rungs = {
    for name, ladder in local.ladders : name => [
      for bound in ladder.bounds : {
        legend = "≤ ${bound} ${ladder.unit}"
        query  = "sum(delta({${local.counter}, metric_name=\"${name}_le_${bound}${ladder.unit}\"}[5m])) / sum(delta({${local.counter}, metric_name=\"${name}_total\"}[5m]))"
      }
    ]
  }

  # How many a second, for counters of ours.
  rates = { for name in [
    "signals_read", "outcomes_read", "signals_rejected", "outcomes_rejected", "events_decided", "events_observed", "events_duplicate",
    "events_dead_lettered", "heartbeats_answered", "state_unreadable", "sink_rows_refused", "sink_messages_refused", "sink_retries",
    "plan_reloaded", "plan_refused",
  ] : name => { legend = replace(name, "_", " "), query = "sum(delta({${local.counter}, metric_name=\"${name}\"}[5m])) / 300" } }

  platform = {
    lag       = { legend = "system lag", query = "max({\"dataflow.googleapis.com/job/system_lag\", job_name=\"${var.jobs.deciding}\"})" }
    watermark = { legend = "watermark age", query = "max({\"dataflow.googleapis.com/job/data_watermark_age\", job_name=\"${var.jobs.deciding}\"})" }
    backlog   = { legend = "oldest waiting", query = "max by (subscription_id) ({\"pubsub.googleapis.com/subscription/oldest_unacked_message_age\", subscription_id=~\"${join("|", var.job_subscriptions)}\"})" }
    waiting   = { legend = "waiting", query = "max by (subscription_id) ({\"pubsub.googleapis.com/subscription/num_undelivered_messages\"})" }
    vcpus     = { legend = "vCPUs", query = "sum({\"dataflow.googleapis.com/job/current_num_vcpus\", job_name=\"${var.jobs.deciding}\"})" }
    errors    = { legend = "errors logged", query = "sum(increase({\"logging.googleapis.com/log_entry_count\", monitored_resource=\"dataflow_step\", job_name=~\"${join("|", var.jobs.watched)}\", severity=\"ERROR\"}[5m]))" }
    failures  = { legend = "steps failed", query = "sum(increase({\"logging.googleapis.com/user/nextbeam_step_failed\", job_name=~\"${join("|", var.jobs.watched)}\"}[5m]))" }
    per_vcpu  = { legend = "decisions per vCPU and second", query = "sum(delta({${local.counter}, metric_name=\"events_decided\"}[5m])) / 300 / sum({\"dataflow.googleapis.com/job/current_num_vcpus\", job_name=\"${var.jobs.deciding}\"})" }
  }

  budgets = [
    for name, promise in local.promised : {
      legend = replace(name, "_", " ")
      query  = "1 - (${local.spent[name]["28d"]}) / ${format("%.6g", 1 - promise.goal)}"
    }
  ]

  charts = [
    { title = "Error budget left, of 28 days", series = local.budgets },
    { title = "Comes in, a second", series = [local.rates.signals_read, local.rates.outcomes_read] },
    { title = "Becomes of it, a second", series = [local.rates.events_decided, local.rates.events_observed, local.rates.events_duplicate] },
    { title = "Refused, a second", series = [local.rates.signals_rejected, local.rates.outcomes_rejected, local.rates.events_dead_lettered] },
    { title = "${local.ladders.decision_latency.title}: share within", series = local.rungs.decision_latency },
    { title = "${local.ladders.decision_compute.title}: share within", series = local.rungs.decision_compute },
    { title = "${local.ladders.context_age.title}: share within", series = local.rungs.context_age },
    { title = "Behind, in seconds", series = [local.platform.lag, local.platform.watermark, local.platform.backlog] },
    { title = "Messages that wait", series = [local.platform.waiting] },
    { title = "Heartbeats answered, a second", series = [local.rates.heartbeats_answered] },
    { title = "Must stay at 0", series = [local.rates.state_unreadable, local.rates.sink_rows_refused, local.rates.sink_messages_refused, local.rates.plan_refused] },
    { title = "Plans and retries, a second", series = [local.rates.plan_reloaded, local.rates.sink_retries] },
    { title = "Failures in five minutes", series = [local.platform.failures, local.platform.errors] },
    { title = "Workers", series = [local.platform.vcpus] },
    { title = "What a vCPU does", series = [local.platform.per_vcpu] },
  ]
}

resource "google_monitoring_dashboard" "this" {
  project = var.project_id

  dashboard_json = jsonencode({
    displayName = "Nextbeam decisioning"
    labels      = { for name, value in var.labels : name => value }
    mosaicLayout = {
      columns = 12
      tiles = [
        for number, chart in local.charts : {
          xPos   = 4 * (number % 3)
          yPos   = 4 * floor(number / 3)
          width  = 4
          height = 4
          widget = {
            title = chart.title
            xyChart = {
              dataSets = [
                for series in chart.series : {
                  plotType       = "LINE"
                  targetAxis     = "Y1"
                  legendTemplate = series.legend
                  timeSeriesQuery = {
                    prometheusQuery = series.query
                  }
                }
              ]
              yAxis = { label = "", scale = "LINEAR" }
            }
          }
        }
      ]
    }
  })
}
