# Around the project: its services answer only who is inside, so that a stolen credential takes no data out.
resource "google_access_context_manager_service_perimeter" "this" {
  parent                    = "accessPolicies/${var.access_policy}"
  name                      = "accessPolicies/${var.access_policy}/servicePerimeters/${replace(var.name, "-", "_")}"
  title                     = var.name
  description               = "The decisioning project and what it keeps."
  perimeter_type            = "PERIMETER_TYPE_REGULAR"
  use_explicit_dry_run_spec = !var.enforced

  dynamic "status" {
    for_each = var.enforced ? [1] : []
    content {
      resources           = ["projects/${var.project_number}"]
      restricted_services = var.services
      access_levels       = var.access_levels
      vpc_accessible_services {
        enable_restriction = true
        allowed_services   = ["RESTRICTED-SERVICES"]
      }
    }
  }

  # What it would refuse is in the log; nothing is refused yet.
  dynamic "spec" {
    for_each = var.enforced ? [] : [1]
    content {
      resources           = ["projects/${var.project_number}"]
      restricted_services = var.services
      access_levels       = var.access_levels
      vpc_accessible_services {
        enable_restriction = true
        allowed_services   = ["RESTRICTED-SERVICES"]
      }
    }
  }
}
