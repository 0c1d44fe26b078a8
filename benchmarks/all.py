"""Every benchmark, one after the other; what `make bench` runs. Timings are ratios of one and the same run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ORDER = ("start", "engine", "char_gpt", "read", "memory", "contest", "network_quality", "tables", "control", "images")


def main() -> int:
    """Run them in order; the exit code is that of the first that failed."""
    failed = 0
    for name in ORDER:
        print(f"\n== benchmarks/{name}.py", flush=True)
        failed = failed or subprocess.run([sys.executable, str(HERE / f"{name}.py")], check=False).returncode
    return failed


if __name__ == "__main__":
    sys.exit(main())
