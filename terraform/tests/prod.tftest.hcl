# What production adds.
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

run "what_a_bank_adds" {
  command = plan

  variables {
    repository = "projects/nextbeam-test-0000/locations/europe-west2/connections/nextbeam/repositories/nextbeam"
    perimeter  = { access_policy = "123456" }
    build_images = {
      builder  = "europe-west2-docker.pkg.dev/nextbeam-test-0000/nextbeam/builder@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
      python   = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
      beam     = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
      launcher = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
    }
    infrastructure_account = "terraform@nextbeam-seed-0000.iam.gserviceaccount.com"
  }

  assert {
    condition = module.builds.triggers == {
      check          = false, release = false, vulnerabilities = false, plan = false, candidate = false,
      infrastructure = true, update = true, way-back = true
    }
    error_message = "in production somebody approves what changes infrastructure or the job, and nothing else has to wait"
  }
  assert {
    condition     = module.perimeter[0].enforced == false
    error_message = "a perimeter begins by logging what it would refuse"
  }
  assert {
    condition     = local.deletion_policy == "PREVENT" && local.protect
    error_message = "production keeps what holds data"
  }
}
