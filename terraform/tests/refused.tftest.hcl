# Every validation refuses what it is there for. A plan takes its time: each run tries one fault of every variable.
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

run "first_fault_of_each" {
  command = plan

  variables {
    # a project by number
    project_id = "123456789"
    # a region elsewhere
    region = "us-central1"
    # labels without who pays
    labels = { owner = "a", data_class = "b" }
    # an image by tag
    image = "europe-west2-docker.pkg.dev/p/r/nextbeam:1.0"
    # a job in capitals
    job_name = "Nextbeam"
    # a machine without a size
    machine_type = "n2-custom"
    # no workers
    max_workers = 0
    # an analyst by name
    analysts = ["user:somebody@example.com"]
    # a steward by name
    data_stewards = ["user:somebody@example.com"]
    # everybody an operator
    operators = ["allUsers"]
    # people by name who act as accounts
    decision_managers = ["user:somebody@example.com"]
    releasers         = ["user:somebody@example.com"]
    erasers           = ["user:somebody@example.com"]
    # a generation that is the candidate
    generation = "shadow"
    # a brand that is sql
    brand_readers = { "x' OR TRUE --" = "group:g@example.com" }
    # a person behind the glass
    break_glass = "user:somebody@example.com"
    # workers on public addresses
    workers_cidr = "8.8.8.0/24"
    # builds on public addresses
    builds_cidr = "1.2.3.0/24"
    # a policy by name
    perimeter = { access_policy = "default" }
    # messages for a day
    retention_days = { messages = 1, decisions = 60, dead_letters = 30, shadow = 7, logs = 400 }
    # no version
    pepper_version = 0
    # keys for a year
    key_rotation_days = 365
    # alerts for nobody
    alert_emails = []
    # a pager by its name
    pager_channels = ["pager"]
    # a goal without a budget
    goals = { decision_latency = 1 }
    # fresh after an hour
    fresh_s = 3600
    # a billing account by name
    billing_account = "main"
    # a budget of nothing
    budget = { amount = 0, currency = "GBP" }
    # a repository by address
    repository = "https://example.com/nextbeam.git"
    # a kind that there is not
    repository_kind = "SVN"
    # a builder by tag
    build_images = { builder = "r/p/builder:1", python = "3.11", beam = "2.77", launcher = "latest" }
    # a person
    infrastructure_account = "someone@example.com"
  }

  expect_failures = [
    var.alert_emails,
    var.analysts,
    var.billing_account,
    var.brand_readers,
    var.break_glass,
    var.budget,
    var.build_images,
    var.builds_cidr,
    var.data_stewards,
    var.decision_managers,
    var.erasers,
    var.generation,
    var.releasers,
    var.fresh_s,
    var.goals,
    var.image,
    var.infrastructure_account,
    var.job_name,
    var.key_rotation_days,
    var.labels,
    var.machine_type,
    var.max_workers,
    var.operators,
    var.pager_channels,
    var.pepper_version,
    var.perimeter,
    var.project_id,
    var.region,
    var.repository,
    var.repository_kind,
    var.retention_days,
    var.workers_cidr,
  ]
}

run "second_fault_of_each" {
  command = plan

  variables {
    # a next generation in capitals
    next_generation = "B"
    # a region outside of the union
    allowed_regions = ["europe-west2", "europe-west6"]
    # labels in capitals
    labels = { cost_centre = "Retail", data_class = "b", owner = "c" }
    # an image by half a digest
    image = "europe-west2-docker.pkg.dev/p/r/nextbeam@sha256:0123"
    # workers without end
    max_workers = 1000
    # a network too small for an update
    workers_cidr = "10.0.0.0/28"
    # a perimeter of nobody
    perimeter = { enforced = true }
    # decisions for a week
    retention_days = { messages = 7, decisions = 7, dead_letters = 7, shadow = 7, logs = 400 }
    # alerts for no address
    alert_emails = ["somebody"]
    # a threshold of nothing
    thresholds = { system_lag_s = 0 }
    # a budget in a sign
    budget = { amount = 10, currency = "£" }
  }

  expect_failures = [
    var.next_generation,
    var.alert_emails,
    var.allowed_regions,
    var.budget,
    var.image,
    var.labels,
    var.max_workers,
    var.perimeter,
    var.retention_days,
    var.thresholds,
    var.workers_cidr,
  ]
}

run "third_fault_of_each" {
  command = plan

  variables {
    # no region at all
    allowed_regions = ["asia-east1"]
    # labels that are set here
    labels = { cost_centre = "a", data_class = "b", owner = "c", env = "d" }
    # dead letters longer than decisions
    retention_days = { messages = 7, decisions = 60, dead_letters = 90, shadow = 7, logs = 400 }
    # late while it is fresh
    thresholds = { backlog_age_s = 3 }
    # a budget that tells nobody
    budget = { amount = 10, currency = "GBP", thresholds = [] }
  }

  expect_failures = [
    var.allowed_regions,
    var.budget,
    var.labels,
    var.retention_days,
    var.thresholds,
  ]
}

run "fourth_fault_of_each" {
  command = plan

  variables {
    # a job without a spec
    manage_job = true
    # shadows for a year
    retention_days = { messages = 7, decisions = 60, dead_letters = 30, shadow = 365, logs = 400 }
  }

  expect_failures = [
    var.container_spec,
    var.retention_days,
  ]
}

run "fifth_fault_of_each" {
  command = plan

  variables {
    # logs for a month
    retention_days = { messages = 7, decisions = 60, dead_letters = 30, shadow = 7, logs = 30 }
  }

  expect_failures = [
    var.retention_days,
  ]
}

run "an_environment_of_its_own" {
  command = plan

  # Alone, as others are judged by it.
  variables {
    environment = "staging"
  }

  expect_failures = [var.environment]
}
