"""What an image does without: removed from a folder of libraries as pip leaves it."""

from pathlib import Path

import pytest

from deploy.images.bytecode import import_all
from deploy.images.slim import slim

KEPT = ("numpy/core.py", "botocore/data/endpoints.json", "botocore/data/s3/2006-03-01/service-2.json", "x/tests.py")
REMOVED = (
    "numpy/linalg/tests/test_one.py",
    "numpy/linalg/tests/data/deep/tests/two.bin",
    "numpy/f2py/main.py",
    "numpy/core/include/array.h",
    "botocore/data/ec2/2016-11-15/service-2.json",
    "c2pa/libs/libc2pa_c.rlib",
)


def test_what_no_program_reads_is_removed_and_the_rest_stays(tmp_path: Path) -> None:
    for name in (*KEPT, *REMOVED):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    assert slim(tmp_path) == sum(map(len, REMOVED))
    left = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert left == set(KEPT)
    assert slim(tmp_path) == 0


@pytest.mark.slow
def test_everything_of_the_dashboard_can_be_imported() -> None:
    assert import_all() == []
