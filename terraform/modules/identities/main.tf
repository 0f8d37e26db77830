locals {
  accounts = {
    worker          = "Runs the workers and the launcher machine of the streaming job."
    launcher        = "Starts, updates and drains the job, from a build that somebody approved."
    publisher       = "Publishes signals and outcomes, for the bank's channels."
    consumer        = "Reads decisions, for the bank's channels."
    replayer        = "Reads dead letters and publishes their payloads again."
    checks          = "Checks pull requests, which nobody has read yet: it can write its log."
    ci              = "Checks, builds and stores the image."
    model-publisher = "Signs plans and models and puts them in the artefacts bucket."
    scheduler       = "Starts the replay of dead letters."
  }

  roles = {
    jobs = {
      id    = "JobLauncher"
      title = "Start and steer Dataflow jobs"
      permissions = [
        "compute.machineTypes.get",
        "compute.projects.get",
        "compute.regions.list",
        "compute.zones.list",
        "dataflow.jobs.cancel",
        "dataflow.jobs.create",
        "dataflow.jobs.get",
        "dataflow.jobs.list",
        "dataflow.jobs.snapshot",
        "dataflow.jobs.updateContents",
        "dataflow.messages.list",
        "dataflow.metrics.get",
        "dataflow.snapshots.get",
        "dataflow.snapshots.list",
        "resourcemanager.projects.get",
      ]
    }
    rows = {
      id          = "RowWriter"
      title       = "Append rows to a table, without reading it"
      permissions = ["bigquery.tables.get", "bigquery.tables.updateData"]
    }
    erasure = {
      id          = "RowEraser"
      title       = "Delete rows of tables"
      permissions = ["bigquery.tables.get", "bigquery.tables.getData", "bigquery.tables.updateData"]
    }
    queries = {
      id          = "QueryRunner"
      title       = "Run queries over what one may read anyway"
      permissions = ["bigquery.jobs.create"]
    }
    figures = {
      id          = "FigureReader"
      title       = "Read how metrics have grown, to compare a release and to watch it"
      permissions = ["monitoring.timeSeries.list"]
    }
    builds = {
      id          = "BuildLogger"
      title       = "Write the log of a build"
      permissions = ["logging.logEntries.create"]
    }
    operators = {
      id    = "Operator"
      title = "See how the job does, and drain it"
      permissions = [
        "cloudbuild.builds.approve",
        "cloudbuild.builds.get",
        "cloudbuild.builds.list",
        "dataflow.jobs.get",
        "dataflow.jobs.list",
        "dataflow.jobs.updateContents",
        "dataflow.messages.list",
        "dataflow.metrics.get",
        "logging.logEntries.list",
        "logging.views.access",
        "monitoring.alertPolicies.get",
        "monitoring.alertPolicies.list",
        "monitoring.dashboards.get",
        "monitoring.dashboards.list",
        "monitoring.services.get",
        "monitoring.services.list",
        "monitoring.slos.get",
        "monitoring.slos.list",
        "monitoring.timeSeries.list",
        "resourcemanager.projects.get",
      ]
    }
  }

  # All that is granted on the whole project: what cannot be granted on less, by roles that say no more than it takes.
  project_grants = merge(
    {
      "jobs/worker"      = { role = "jobs", member = google_service_account.this["worker"].member }
      "jobs/launcher"    = { role = "jobs", member = google_service_account.this["launcher"].member }
      "figures/launcher" = { role = "figures", member = google_service_account.this["launcher"].member }
      "queries/launcher" = { role = "queries", member = google_service_account.this["launcher"].member }
      "queries/replayer" = { role = "queries", member = google_service_account.this["replayer"].member }
      "builds/checks"    = { role = "builds", member = google_service_account.this["checks"].member }
      "builds/ci"        = { role = "builds", member = google_service_account.this["ci"].member }
      "builds/deploy"    = { role = "builds", member = google_service_account.this["launcher"].member }
    },
    { for group in var.analysts : "queries/${group}" => { role = "queries", member = group } },
    { for group in setsubtract(var.erasers, var.analysts) : "queries/${group}" => { role = "queries", member = group } },
    { for group in var.operators : "operators/${group}" => { role = "operators", member = group } },
  )
}

resource "google_service_account" "this" {
  for_each = local.accounts

  project      = var.project_id
  account_id   = "${var.name}-${each.key}"
  display_name = "${var.name} ${each.key}"
  description  = each.value
}

resource "google_project_iam_custom_role" "this" {
  for_each = local.roles

  project     = var.project_id
  role_id     = "${var.name}${each.value.id}"
  title       = each.value.title
  permissions = each.value.permissions
  stage       = "GA"
}

# The one predefined role on the project: Dataflow takes nothing less.
resource "google_project_iam_member" "worker" {
  project = var.project_id
  role    = "roles/dataflow.worker"
  member  = google_service_account.this["worker"].member
}

resource "google_project_iam_member" "custom" {
  for_each = local.project_grants

  project = var.project_id
  role    = google_project_iam_custom_role.this[each.value.role].id
  member  = each.value.member
}

# A job runs as the worker: who starts it, the launcher machine included, must be allowed to act as it.
resource "google_service_account_iam_member" "acts_as_worker" {
  for_each = toset(["launcher", "worker"])

  service_account_id = google_service_account.this["worker"].name
  role               = "roles/iam.serviceAccountUser"
  member             = google_service_account.this[each.value].member
}

# People have no keys and few roles: they act as the account whose task it is, and the audit log has both names.
locals {
  impersonations = merge([
    for account, groups in var.impersonators : { for group in groups : "${account}/${group}" => { account = account, member = group } }
  ]...)
}

resource "google_service_account_iam_member" "acted_as_by" {
  for_each = local.impersonations

  service_account_id = google_service_account.this[each.value.account].name
  role               = "roles/iam.serviceAccountTokenCreator"
  member             = each.value.member
}

resource "google_project_iam_audit_config" "this" {
  for_each = var.audited

  project = var.project_id
  service = each.value

  audit_log_config {
    log_type = "ADMIN_READ"
  }
  audit_log_config {
    log_type = "DATA_READ"
  }
  audit_log_config {
    log_type = "DATA_WRITE"
  }
}

# What nobody may do, whatever roles they get one day, but for those who are called when all else fails.
resource "google_iam_deny_policy" "this" {
  count = var.break_glass == null ? 0 : 1

  parent       = urlencode("cloudresourcemanager.googleapis.com/projects/${var.project_id}")
  name         = "${var.name}-keep"
  display_name = "Keys and records stay"

  rules {
    description = "Destroy keys, delete buckets, datasets and tables, make keys of service accounts."
    deny_rule {
      denied_principals    = ["principalSet://goog/public:all"]
      exception_principals = [var.break_glass]
      denied_permissions = [
        "bigquery.googleapis.com/datasets.delete",
        "bigquery.googleapis.com/tables.delete",
        "cloudkms.googleapis.com/cryptoKeyVersions.destroy",
        "iam.googleapis.com/serviceAccountKeys.create",
        "storage.googleapis.com/buckets.delete",
      ]
    }
  }
}
