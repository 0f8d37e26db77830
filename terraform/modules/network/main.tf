locals {
  # The restricted virtual addresses: Google's interfaces that respect a service perimeter, and nothing else.
  restricted_range     = "199.36.153.4/30"
  restricted_addresses = [for host in range(4) : cidrhost(local.restricted_range, host)]
  workers              = "dataflow"

  zones = {
    apis      = "googleapis.com."
    artifacts = "pkg.dev."
    registry  = "gcr.io."
  }
}

resource "google_compute_network" "this" {
  project                         = var.project_id
  name                            = var.name
  auto_create_subnetworks         = false
  delete_default_routes_on_create = true
  routing_mode                    = "REGIONAL"
}

resource "google_compute_subnetwork" "workers" {
  project                  = var.project_id
  name                     = var.name
  network                  = google_compute_network.this.id
  region                   = var.region
  ip_cidr_range            = var.cidr
  private_ip_google_access = true
  stack_type               = "IPV4_ONLY"

  log_config {
    aggregation_interval = "INTERVAL_1_MIN"
    flow_sampling        = 0.5
    metadata             = "INCLUDE_ALL_METADATA"
  }
}

# The only way out: to the restricted addresses, which are not on the internet.
resource "google_compute_route" "restricted" {
  project          = var.project_id
  name             = "${var.name}-restricted-apis"
  network          = google_compute_network.this.id
  dest_range       = local.restricted_range
  next_hop_gateway = "default-internet-gateway"
  priority         = 1000
}

resource "google_compute_firewall" "deny_egress" {
  project            = var.project_id
  name               = "${var.name}-deny-egress"
  description        = "Nothing leaves, but for what a rule of higher priority lets through."
  network            = google_compute_network.this.id
  direction          = "EGRESS"
  priority           = 65000
  destination_ranges = ["0.0.0.0/0"]

  deny {
    protocol = "all"
  }

  log_config {
    metadata = "INCLUDE_ALL_METADATA"
  }
}

resource "google_compute_firewall" "deny_ingress" {
  project       = var.project_id
  name          = "${var.name}-deny-ingress"
  description   = "Nothing comes in, but for what a rule of higher priority lets through; what tried is in the log."
  network       = google_compute_network.this.id
  direction     = "INGRESS"
  priority      = 65000
  source_ranges = ["0.0.0.0/0"]

  deny {
    protocol = "all"
  }

  log_config {
    metadata = "INCLUDE_ALL_METADATA"
  }
}

resource "google_compute_firewall" "restricted_apis" {
  project            = var.project_id
  name               = "${var.name}-restricted-apis"
  description        = "Google's interfaces, by their restricted addresses."
  network            = google_compute_network.this.id
  direction          = "EGRESS"
  priority           = 1000
  destination_ranges = [local.restricted_range]

  allow {
    protocol = "tcp"
    ports    = ["443"]
  }

  log_config {
    metadata = "INCLUDE_ALL_METADATA"
  }
}

resource "google_compute_firewall" "workers_out" {
  project            = var.project_id
  name               = "${var.name}-workers-out"
  description        = "Workers of a job to each other: shuffle (12346) and streaming (12345)."
  network            = google_compute_network.this.id
  direction          = "EGRESS"
  priority           = 1000
  destination_ranges = [var.cidr]
  target_tags        = [local.workers]

  allow {
    protocol = "tcp"
    ports    = ["12345-12346"]
  }

  log_config {
    metadata = "INCLUDE_ALL_METADATA"
  }
}

resource "google_compute_firewall" "workers_in" {
  project     = var.project_id
  name        = "${var.name}-workers-in"
  description = "Workers of a job from each other."
  network     = google_compute_network.this.id
  direction   = "INGRESS"
  priority    = 1000
  source_tags = [local.workers]
  target_tags = [local.workers]

  allow {
    protocol = "tcp"
    ports    = ["12345-12346"]
  }

  log_config {
    metadata = "INCLUDE_ALL_METADATA"
  }
}

resource "google_dns_managed_zone" "google" {
  for_each = local.zones

  project     = var.project_id
  name        = "${var.name}-${each.key}"
  description = "Sends ${each.value} to the restricted addresses."
  dns_name    = each.value
  visibility  = "private"
  labels      = var.labels

  private_visibility_config {
    networks {
      network_url = google_compute_network.this.id
    }
  }
}

resource "google_dns_record_set" "restricted" {
  for_each = local.zones

  project      = var.project_id
  managed_zone = google_dns_managed_zone.google[each.key].name
  name         = each.key == "apis" ? "restricted.${each.value}" : each.value
  type         = "A"
  ttl          = 300
  rrdatas      = local.restricted_addresses
}

resource "google_dns_record_set" "all" {
  for_each = local.zones

  project      = var.project_id
  managed_zone = google_dns_managed_zone.google[each.key].name
  name         = "*.${each.value}"
  type         = "CNAME"
  ttl          = 300
  rrdatas      = [google_dns_record_set.restricted[each.key].name]
}

resource "google_dns_policy" "this" {
  project        = var.project_id
  name           = var.name
  description    = "Who asks for which name is in the log."
  enable_logging = true

  networks {
    network_url = google_compute_network.this.id
  }
}

# Machines of the private build pool stand in Google's network; they reach ours through this peering.
resource "google_compute_global_address" "builds" {
  project       = var.project_id
  name          = "${var.name}-builds"
  purpose       = "VPC_PEERING"
  address_type  = "INTERNAL"
  address       = split("/", var.builds_cidr)[0]
  prefix_length = tonumber(split("/", var.builds_cidr)[1])
  network       = google_compute_network.this.id
  labels        = var.labels
}

resource "google_service_networking_connection" "builds" {
  network                 = google_compute_network.this.id
  service                 = "servicenetworking.googleapis.com"
  reserved_peering_ranges = [google_compute_global_address.builds.name]
}
