# Machines that build: in our network, without an address on the internet.
resource "google_cloudbuild_worker_pool" "this" {
  project  = var.project_id
  name     = var.name
  location = var.region

  worker_config {
    machine_type   = var.machine_type
    disk_size_gb   = 100
    no_external_ip = true
  }
  network_config {
    peered_network          = var.network
    peered_network_ip_range = "/28"
  }
}

locals {
  substitutions = merge(var.substitutions, { _POOL = google_cloudbuild_worker_pool.this.id })

  # The builds of a repository that somebody has connected to the project; without one there are none.
  triggers = var.repository == null ? {} : {
    check = {
      description = "Checks a pull request."
      account     = var.accounts.ci
      approval    = false
      pull        = var.branch
      push        = null
      tag         = null
    }
    release = {
      description = "Checks the main branch and builds its image."
      account     = var.accounts.ci
      approval    = false
      pull        = null
      push        = var.branch
      tag         = null
    }
    deploy = {
      description = "Shadows, then updates the job, once somebody has approved."
      account     = var.accounts.launcher
      approval    = var.approval
      pull        = null
      push        = null
      tag         = "^v[0-9]+\\.[0-9]+\\.[0-9]+$"
    }
  }
}

resource "google_cloudbuild_trigger" "this" {
  for_each = local.triggers

  project            = var.project_id
  location           = var.region
  name               = "${var.name}-${each.key}"
  description        = each.value.description
  filename           = var.files[each.key]
  service_account    = each.value.account
  substitutions      = merge(local.substitutions, { _STAGE = each.key })
  include_build_logs = "INCLUDE_BUILD_LOGS_WITH_STATUS"
  tags               = [var.name, each.key]

  repository_event_config {
    repository = var.repository
    dynamic "pull_request" {
      for_each = each.value.pull == null ? [] : [each.value.pull]
      content {
        branch          = pull_request.value
        comment_control = "COMMENTS_ENABLED_FOR_EXTERNAL_CONTRIBUTORS_ONLY"
      }
    }
    dynamic "push" {
      for_each = each.value.pull == null ? [1] : []
      content {
        branch = each.value.push
        tag    = each.value.tag
      }
    }
  }
  approval_config {
    approval_required = each.value.approval
  }
}
