# What must be shown years later: who did what, and what the job said of itself.
resource "google_logging_project_bucket_config" "kept" {
  project          = var.project_id
  location         = var.region
  bucket_id        = "${var.name}-kept"
  description      = "Audit logs, and the job's own. Nobody shortens their life once the bucket is locked."
  retention_days   = var.retention_days
  locked           = var.locked
  deletion_policy  = var.deletion_policy
  enable_analytics = true

  cmek_settings {
    kms_key_name = var.kms_key
  }
}

locals {
  sinks = {
    audit = {
      description = "Who did what: administration, and access to data."
      filter      = "log_id(\"cloudaudit.googleapis.com/activity\") OR log_id(\"cloudaudit.googleapis.com/data_access\") OR log_id(\"cloudaudit.googleapis.com/policy\") OR log_id(\"cloudaudit.googleapis.com/system_event\")"
    }
    job = {
      description = "What the job, its builds and the data quality scans said."
      filter      = "resource.type = (\"dataflow_step\" OR \"build\" OR \"cloud_run_job\" OR \"dataplex.googleapis.com/DataScan\")"
    }
    network = {
      description = "What the network refused."
      filter      = "log_id(\"compute.googleapis.com/firewall\") AND jsonPayload.disposition = \"DENIED\""
    }
  }
}

resource "google_logging_project_sink" "this" {
  for_each = local.sinks

  project                = var.project_id
  name                   = "${var.name}-${each.key}"
  description            = each.value.description
  destination            = "logging.googleapis.com/${google_logging_project_bucket_config.kept.id}"
  filter                 = each.value.filter
  unique_writer_identity = true
}
