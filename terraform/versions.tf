terraform {
  required_version = ">= 1.9"

  required_providers {
    google = {
      source  = "hashicorp/google"
      version = "~> 8.0"
    }
    google-beta = {
      source  = "hashicorp/google-beta"
      version = "~> 8.0"
    }
  }

  # Bucket and prefix are given to `terraform init -backend-config=...`: nobody applies dev over prod by habit.
  backend "gcs" {}
}
