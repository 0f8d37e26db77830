# Production. What differs from dev, and why, is in README.md.
project_id      = "nextbeam-prod-0000"
environment     = "prod"
region          = "europe-west2"
billing_account = "000000-000000-000000"

labels = {
  cost_centre = "decisioning"
  data_class  = "confidential"
  owner       = "decisioning"
}

image       = "europe-west2-docker.pkg.dev/nextbeam-prod-0000/nextbeam/nextbeam@sha256:0000000000000000000000000000000000000000000000000000000000000000"
max_workers = 20

analysts       = ["group:analysts@example.com"]
data_stewards  = ["group:data-stewards@example.com"]
operators      = ["group:operators@example.com"]
break_glass    = "principalSet://goog/group/break-glass@example.com"
alert_emails   = ["decisioning@example.com"]
pager_channels = ["projects/nextbeam-prod-0000/notificationChannels/1"]

retention_days = {
  messages     = 31
  decisions    = 760
  dead_letters = 90
  shadow       = 30
  logs         = 2557
}

# Only when the retention above is final: a lock is for ever.
lock_logs = true

perimeter = {
  access_policy = "000000000000"
  enforced      = false
}

budget = {
  amount   = 12000
  currency = "GBP"
}

repository = "projects/nextbeam-prod-0000/locations/europe-west2/connections/nextbeam/repositories/nextbeam"

# What builds run in and what the image is made of: put in your own (docs/dataflow.md). Zeros are of no image.
build_images = {
  builder  = "europe-west2-docker.pkg.dev/nextbeam-prod-0000/nextbeam/builder@sha256:0000000000000000000000000000000000000000000000000000000000000000"
  python   = "sha256:0000000000000000000000000000000000000000000000000000000000000000"
  beam     = "sha256:0000000000000000000000000000000000000000000000000000000000000000"
  launcher = "sha256:0000000000000000000000000000000000000000000000000000000000000000"
}
