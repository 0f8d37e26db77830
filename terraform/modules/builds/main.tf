# Machines that build: in Google's network, peered with ours, without an address on the internet.
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

  # Each leaves papers for the next in the bucket of releases: none starts another, so none has to act as its account.
  kinds = {
    check           = { on = "pull", account = var.accounts.checks, says = "Checks a pull request." }
    release         = { on = "push", account = var.accounts.ci, says = "Checks the main branch and builds its image." }
    vulnerabilities = { on = "push", account = var.accounts.ci, says = "Looks up known vulnerabilities." }
    plan            = { on = "tag", account = var.accounts.infrastructure, says = "Says what Terraform would change." }
    infrastructure  = { on = "tag", account = var.accounts.infrastructure, says = "Applies that plan, once somebody has approved." }
    candidate       = { on = "tag", account = var.accounts.launcher, says = "Publishes the release and compares its shadow with what runs." }
    update          = { on = "tag", account = var.accounts.launcher, says = "Updates the job, once somebody has approved." }
    way-back        = { on = "hand", account = var.accounts.launcher, says = "Takes the job back to what is known to be good." }
  }
  approved = var.approval ? ["infrastructure", "update", "way-back"] : []
  tag      = "^v[0-9]+\\.[0-9]+\\.[0-9]+$"

  # The builds of a repository that somebody has connected to the project; without one there are none, and without an
  # account for Terraform a person applies it.
  by_hand  = var.accounts.infrastructure == null ? ["plan", "infrastructure"] : []
  triggers = { for name, kind in local.kinds : name => kind if var.repository != null && !contains(local.by_hand, name) }
}

resource "google_cloudbuild_trigger" "this" {
  for_each = local.triggers

  project            = var.project_id
  location           = var.region
  name               = "${var.name}-${each.key}"
  description        = each.value.says
  filename           = each.value.on == "hand" ? null : var.files[each.key]
  service_account    = each.value.account
  substitutions      = local.substitutions
  include_build_logs = "INCLUDE_BUILD_LOGS_WITH_STATUS"
  tags               = [var.name, each.key]

  dynamic "repository_event_config" {
    for_each = each.value.on == "hand" ? [] : [each.value.on]
    content {
      repository = var.repository
      dynamic "pull_request" {
        for_each = each.value.on == "pull" ? [var.branch] : []
        content {
          branch          = "^${pull_request.value}$"
          comment_control = "COMMENTS_ENABLED_FOR_EXTERNAL_CONTRIBUTORS_ONLY"
        }
      }
      dynamic "push" {
        for_each = each.value.on == "pull" ? [] : [each.value.on]
        content {
          branch = push.value == "push" ? "^${var.branch}$" : null
          tag    = push.value == "tag" ? local.tag : null
        }
      }
    }
  }
  dynamic "source_to_build" {
    for_each = each.value.on == "hand" ? [var.repository] : []
    content {
      repository = source_to_build.value
      ref        = "refs/heads/${var.branch}"
      repo_type  = var.repository_kind
    }
  }
  dynamic "git_file_source" {
    for_each = each.value.on == "hand" ? [var.repository] : []
    content {
      path       = var.files[each.key]
      repository = git_file_source.value
      revision   = "refs/heads/${var.branch}"
      repo_type  = var.repository_kind
    }
  }
  approval_config {
    approval_required = contains(local.approved, each.key)
  }
}
