"""A program for test_kill: a study on two worker processes that sleep."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from fakes import spec
from workers import Slow

from autocompress.study.study import Study

if __name__ == "__main__":
    folder = Path(sys.argv[1])
    study = Study(spec(driver={"use": "local", "workers": 2}), folder / "study", work=Slow(str(folder), 300))
    study.run()
