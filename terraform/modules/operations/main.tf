# Looks at dead letters and sends them again: `nextbeam dead-letters`, where it can reach them. As it stands it counts
# what waits and takes nothing; whoever has mended the cause starts it with arguments of their own (docs/operations.md).
resource "google_cloud_run_v2_job" "dead_letters" {
  count = var.image == null ? 0 : 1

  project             = var.project_id
  location            = var.region
  name                = "${var.name}-dead-letters"
  deletion_protection = var.protect
  labels              = var.labels

  template {
    task_count = 1
    template {
      service_account = var.replayer
      encryption_key  = var.kms_key
      max_retries     = 0
      timeout         = "3600s"

      containers {
        image   = var.image
        command = ["nextbeam"]
        args    = ["dead-letters", "list", "--subscription", "dead-letter-review", "--project", var.project_id, "--format", "json"]
        resources {
          limits = { cpu = "1", memory = "2Gi" }
        }
      }
      vpc_access {
        egress = "ALL_TRAFFIC"
        network_interfaces {
          network    = var.network
          subnetwork = var.subnetwork
        }
      }
    }
  }
}

resource "google_cloud_run_v2_job_iam_member" "scheduler" {
  count = var.image == null ? 0 : 1

  project  = var.project_id
  location = var.region
  name     = google_cloud_run_v2_job.dead_letters[0].name
  role     = "roles/run.invoker"
  member   = var.scheduler.member
}

# With arguments of their own, hence with overrides.
resource "google_cloud_run_v2_job_iam_member" "operator" {
  for_each = var.image == null ? [] : var.operators

  project  = var.project_id
  location = var.region
  name     = google_cloud_run_v2_job.dead_letters[0].name
  role     = "roles/run.jobsExecutorWithOverrides"
  member   = each.value
}

# Every morning the log says what waits, by reason, step and day: a cause that was mended does not wait to be noticed.
resource "google_cloud_scheduler_job" "dead_letters" {
  count = var.image == null ? 0 : 1

  project          = var.project_id
  region           = var.region
  name             = "${var.name}-dead-letters"
  description      = "Counts the dead letters that wait."
  schedule         = "40 6 * * *"
  time_zone        = "Etc/UTC"
  attempt_deadline = "320s"

  retry_config {
    retry_count = 1
  }
  http_target {
    http_method = "POST"
    uri         = "https://run.googleapis.com/v2/${google_cloud_run_v2_job.dead_letters[0].id}:run"
    oauth_token {
      service_account_email = var.scheduler.email
      scope                 = "https://www.googleapis.com/auth/cloud-platform"
    }
  }
}

# A heartbeat a minute goes the whole way of a signal and decides nothing; when no answer comes, somebody is woken. It is
# the same bytes each time: what counts is when they were published.
resource "google_cloud_scheduler_job" "heartbeat" {
  project     = var.project_id
  region      = var.region
  name        = "${var.name}-heartbeat"
  description = "Sends a heartbeat."
  schedule    = "* * * * *"
  time_zone   = "Etc/UTC"

  pubsub_target {
    topic_name = var.signals_topic
    data       = base64encode(var.heartbeat)
  }
}
