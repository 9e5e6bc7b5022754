"""``python -m agentd.engine FD``: the engine as the daemon's child, without the command line's imports."""

import sys

from agentd.config import EngineSettings
from agentd.engine.main import run

if __name__ == "__main__":
    sys.exit(run(EngineSettings(), child_fd=int(sys.argv[1])))
