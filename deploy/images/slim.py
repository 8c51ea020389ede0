"""Remove from a folder of installed libraries what no program reads. The standard library alone.

`python3 slim.py FOLDER`, when an image is built. What tests, compilers and type checkers read goes, and botocore's
descriptions of all services but those for a store in S3, its logins, and keys in KMS.
"""

import shutil
import sys
from pathlib import Path

SERVICES = {"kms", "s3", "signin", "sso", "sso-oidc", "sts"}
NOT_RUN = ("sqlalchemy/testing", "sqlalchemy/ext/mypy", "numpy/f2py")
BUILT_WITH = {".a", ".c", ".h", ".pxd", ".pyi", ".pyx", ".rlib"}


def slim(site_packages: Path) -> int:
    """Remove it and return how many bytes that freed; 0 where it was done before."""
    before = _size(site_packages)
    doomed = [path for path in site_packages.rglob("tests") if path.is_dir()]
    doomed += [path for part in NOT_RUN if (path := site_packages / part).is_dir()]
    described = site_packages / "botocore" / "data"
    if described.is_dir():
        doomed += [path for path in described.iterdir() if path.is_dir() and path.name not in SERVICES]
    for folder in doomed:
        shutil.rmtree(folder, ignore_errors=True)  # one may lie in another
    for file in site_packages.rglob("*"):
        if file.suffix in BUILT_WITH and file.is_file():
            file.unlink()
    return before - _size(site_packages)


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


if __name__ == "__main__":
    print(f"{sys.argv[1]}: {slim(Path(sys.argv[1])) / 1e6:.1f} MB freed")
