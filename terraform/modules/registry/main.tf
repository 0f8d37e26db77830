resource "google_artifact_registry_repository" "images" {
  project       = var.project_id
  location      = var.region
  repository_id = var.name
  description   = "Images of launcher and workers. A tag never moves; deployments name digests."
  format        = "DOCKER"
  kms_key_name  = var.kms_key
  labels        = var.labels

  docker_config {
    immutable_tags = true
  }
  vulnerability_scanning_config {
    enablement_config = "INHERITED"
  }

  # To keep wins over to delete.
  cleanup_policies {
    id     = "keep-recent"
    action = "KEEP"
    most_recent_versions {
      keep_count = 30
    }
  }
  cleanup_policies {
    id     = "keep-releases"
    action = "KEEP"
    condition {
      tag_state    = "TAGGED"
      tag_prefixes = ["v"]
    }
  }
  cleanup_policies {
    id     = "delete-old"
    action = "DELETE"
    condition {
      tag_state  = "ANY"
      older_than = "${180 * 24 * 60 * 60}s"
    }
  }
}

# Build machines have no way to the internet; what they install comes through these, and stays here.
resource "google_artifact_registry_repository" "upstream" {
  for_each = { python = "PYTHON", docker = "DOCKER" }

  project       = var.project_id
  location      = var.region
  repository_id = "${var.name}-upstream-${each.key}"
  description   = "What builds take from the public ${each.key} repository."
  format        = each.value
  mode          = "REMOTE_REPOSITORY"
  kms_key_name  = var.kms_key
  labels        = var.labels

  remote_repository_config {
    description = "Public ${each.key} repository"
    dynamic "python_repository" {
      for_each = each.key == "python" ? ["PYPI"] : []
      content {
        public_repository = python_repository.value
      }
    }
    dynamic "docker_repository" {
      for_each = each.key == "docker" ? ["DOCKER_HUB"] : []
      content {
        public_repository = docker_repository.value
      }
    }
  }
  vulnerability_scanning_config {
    enablement_config = "INHERITED"
  }
}

resource "google_artifact_registry_repository_iam_member" "images" {
  for_each = merge(
    { for who, member in var.readers : "reader/${who}" => { role = "roles/artifactregistry.reader", member = member } },
    { for who, member in var.writers : "writer/${who}" => { role = "roles/artifactregistry.writer", member = member } },
  )

  project    = var.project_id
  location   = var.region
  repository = google_artifact_registry_repository.images.name
  role       = each.value.role
  member     = each.value.member
}

resource "google_artifact_registry_repository_iam_member" "upstream" {
  for_each = merge([
    for name in keys(google_artifact_registry_repository.upstream) : {
      for who, member in var.installers : "${name}/${who}" => { repository = name, member = member }
    }
  ]...)

  project    = var.project_id
  location   = var.region
  repository = google_artifact_registry_repository.upstream[each.value.repository].name
  role       = "roles/artifactregistry.reader"
  member     = each.value.member
}
