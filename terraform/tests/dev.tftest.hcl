# What dev is: everything of production, and nothing that could not be taken away again.
mock_provider "google" {}
mock_provider "google-beta" {}

variables {
  project_id      = "nextbeam-test-0000"
  environment     = "dev"
  billing_account = "012345-6789AB-CDEF01"
  labels = {
    cost_centre = "decisioning"
    data_class  = "synthetic"
    owner       = "decisioning"
  }
  image          = "europe-west2-docker.pkg.dev/nextbeam-test-0000/nextbeam/nextbeam@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
  max_workers    = 5
  analysts       = ["group:analysts@example.com"]
  alert_emails   = ["decisioning@example.com"]
  pager_channels = []
  retention_days = {
    messages     = 7
    decisions    = 60
    dead_letters = 30
    shadow       = 7
    logs         = 400
  }
  budget = {
    amount   = 100
    currency = "GBP"
  }
}

run "everything_is_there" {
  command = plan

  assert {
    condition     = length(module.messaging.topics) == 10 && length(module.messaging.subscriptions) == 9
    error_message = "seven topics of the pipeline and three of its shadow; nine readers"
  }
  assert {
    condition     = toset(keys(module.keys.ids)) == toset(["artifacts", "bigquery", "dataflow", "logging", "pubsub", "run", "secrets", "storage"])
    error_message = "one key for each service"
  }
  assert {
    condition     = setintersection(module.analytics.views, ["accounted_for", "cap_breaches", "offers"]) == toset(["accounted_for", "cap_breaches", "offers"])
    error_message = "the views of pipelines/sql/views"
  }
  assert {
    condition     = local.deletion_policy == "DELETE" && !local.protect && !var.lock_logs
    error_message = "a trial must be possible to end"
  }
  assert {
    condition     = length(module.job) == 0 && length(module.perimeter) == 0
    error_message = "Cloud Build launches the job; a perimeter needs the organisation's policy"
  }
  assert {
    condition     = length(module.records.row_policies) == 0
    error_message = "one policy on rows would hide them from whoever is in none"
  }
}

run "what_is_asked_for" {
  command = plan

  variables {
    manage_job     = true
    container_spec = "gs://nextbeam-test-0000-releases/specs/1.json"
    brand_readers  = { harbour = "group:harbour@example.com" }
  }

  assert {
    condition     = length(module.job) == 1
    error_message = "manage_job launches the job"
  }
  assert {
    condition     = length(module.records.row_policies) == 4
    error_message = "decisions and feedback have a brand: its people see its rows, and others see all of them"
  }
}

run "before_the_first_image" {
  command = plan

  variables {
    image = null
  }

  assert {
    condition     = output.dead_letters_job == null
    error_message = "a job whose image is not there would be refused"
  }
}
