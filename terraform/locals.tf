locals {
  name   = "nextbeam"
  labels = merge(var.labels, { app = local.name, env = var.environment })

  # In production no apply deletes what holds data: neither by accident, nor to put something else in its place.
  protect         = var.environment == "prod"
  deletion_policy = local.protect ? "PREVENT" : "DELETE"

  # What is derived elsewhere in the project, read where it is.
  contracts = "${path.root}/../schemas/generated"
  views     = "${path.root}/../pipelines/sql/views"
  personal  = jsondecode(file("${path.root}/personal_columns.json"))

  dataset           = "nextbeam"
  shadow_dataset    = "nextbeam_shadow"
  analytics_dataset = "nextbeam_analytics"

  # Which services encrypt with which key: one key per service, so that one can be withdrawn without the others.
  keys = {
    artifacts = ["artifactregistry"]
    bigquery  = ["bigquery"]
    dataflow  = ["compute", "dataflow"]
    logging   = ["logging"]
    pubsub    = ["pubsub"]
    run       = ["run"]
    secrets   = ["secretmanager"]
    storage   = ["storage"]
  }

  vcpus = var.max_workers * tonumber(reverse(split("-", var.machine_type))[0])

  # The tables and columns that the names of pipelines/provisioning/resources.py stand for; a test compares them.
  tables = {
    decisions = {
      description    = "Every decision, with every action it weighed."
      columns        = "${local.contracts}/decision.bigquery.json"
      partitioned_by = "decided_at"
      clustered_by   = ["customer_id", "brand", "channel"]
    }
    feedback = {
      description    = "Every outcome, on the offer it answers."
      columns        = "${local.contracts}/feedback.bigquery.json"
      partitioned_by = "occurred_at"
      clustered_by   = ["customer_id", "brand", "action"]
    }
    sessions = {
      description    = "Every session, once no signal can extend it."
      columns        = "${local.contracts}/session_context.bigquery.json"
      partitioned_by = "ended_at"
      clustered_by   = ["customer_id"]
    }
    # By the day of arrival, since their event time is what may be wrong with them; and read without a filter, since
    # `nextbeam dead-letters` looks for those of any day. There are few.
    dead_letters = {
      description     = "What could not be processed, and why."
      columns         = "${local.contracts}/dead_letter.bigquery.json"
      partitioned_by  = null
      filter_required = false
      clustered_by    = ["reason", "step"]
    }
  }

  # The jobs that decide: one, but while a breaking release learns what the one before it knows. Each has a name and a pair
  # of subscriptions of its own; the first generation has no suffix, and is that of pipelines/provisioning/resources.py.
  jobs = {
    for generation in concat([var.generation], var.next_generation[*]) :
    generation => join("-", compact([var.job_name, generation]))
  }
  subscriptions = {
    for generation in keys(local.jobs) : generation => {
      signals  = join("-", compact(["signals-decisioning", generation]))
      outcomes = join("-", compact(["outcomes-decisioning", generation]))
    }
  }

  # What a job launched by hand or by Terraform is told.
  parameters = {
    plan                  = coalesce(var.plan_path, "${module.buckets.urls["plans"]}/current")
    signals_subscription  = local.subscriptions[var.generation].signals
    outcomes_subscription = local.subscriptions[var.generation].outcomes
    decisions_topic       = "decisions"
    feedback_topic        = "feedback"
    dead_letters_topic    = "dead-letter"
    heartbeats_topic      = "heartbeats"
    bigquery_dataset      = local.dataset
    log_pepper            = "${module.secrets.ids["pepper"]}/versions/${var.pepper_version}"
    plan_keys             = module.keys.signing_public_key
  }
}
