"""Create what the pipeline reads and writes, on emulators and in the cloud alike."""

from pipelines.provisioning.columns import ProvisioningError
from pipelines.provisioning.provision import Changes, provision
from pipelines.provisioning.resources import Names, Resources

__all__ = ["Changes", "Names", "ProvisioningError", "Resources", "provision"]
