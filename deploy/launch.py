"""What the launcher of the flex template runs, in the image that the workers run."""

import sys

from pipelines.decisioning import main

if __name__ == "__main__":
    sys.exit(main())
