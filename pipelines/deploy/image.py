"""What names an image: always its digest."""

import re

BY_DIGEST = re.compile(r"[a-z0-9.-]+(/[a-z0-9._-]+)+@sha256:[0-9a-f]{64}")
"""As Terraform (`terraform/variables.tf`) and the scripts (`scripts/lib.sh`) take it."""
