# What only production refuses.
mock_provider "google" {}
mock_provider "google-beta" {}

variables {
  project_id      = "nextbeam-test-0000"
  environment     = "prod"
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
  pager_channels = ["projects/nextbeam-test-0000/notificationChannels/1"]
  retention_days = {
    messages     = 7
    decisions    = 400
    dead_letters = 30
    shadow       = 7
    logs         = 400
  }
  budget = {
    amount   = 100
    currency = "GBP"
  }
}

run "what_would_do_for_dev" {
  command = plan

  variables {
    # a job of terraform in production
    manage_job     = true
    container_spec = "gs://b/specs/1.json"
    # decisions for less than a year in production
    retention_days = { messages = 7, decisions = 60, dead_letters = 30, shadow = 7, logs = 400 }
    # nobody woken in production
    pager_channels = []
  }

  expect_failures = [
    var.manage_job,
    var.pager_channels,
    var.retention_days,
  ]
}
