# A project to try things in: everything is made as in production, and can be taken away again.
project_id      = "nextbeam-dev-0000"
environment     = "dev"
region          = "europe-west2"
billing_account = "000000-000000-000000"

labels = {
  cost_centre = "decisioning"
  data_class  = "synthetic"
  owner       = "decisioning"
}

max_workers = 2

analysts          = ["group:analysts@example.com"]
decision_managers = ["group:decision-managers@example.com"]
releasers         = ["group:releasers@example.com"]
erasers           = ["group:data-protection@example.com"]
operators         = ["group:operators@example.com"]
alert_emails      = ["decisioning@example.com"]

retention_days = {
  messages     = 7
  decisions    = 60
  dead_letters = 30
  shadow       = 7
  logs         = 365
}

budget = {
  amount   = 500
  currency = "GBP"
}
