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

max_workers = 20

analysts          = ["group:analysts@example.com"]
data_stewards     = ["group:data-stewards@example.com"]
decision_managers = ["group:decision-managers@example.com"]
releasers         = ["group:releasers@example.com"]
erasers           = ["group:data-protection@example.com"]
operators         = ["group:operators@example.com"]
break_glass       = "principalSet://goog/group/break-glass@example.com"
alert_emails      = ["decisioning@example.com"]
pager_channels    = ["projects/nextbeam-prod-0000/notificationChannels/1"]

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

# Put in once they are there (README.md, "First deployment"): `image`, `repository` and `build_images`.
