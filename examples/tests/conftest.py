"""One line, and every test may ask for `captured`. Run them with: pytest examples/tests"""

import os
import sys
from pathlib import Path

pytest_plugins = ["analytics_posthog.pytest_plugin"]

os.environ.setdefault("POSTHOG_PROJECT_API_KEY", "")  # nothing is sent, so none is needed
sys.path.insert(0, str(Path(__file__).parent.parent))
