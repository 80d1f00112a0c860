"""Prints the size of the given files and folders as a deployment package: one zip file, best compression.

usage: zipped.py PATH... [--without NAME...]
"""

import argparse
import io
import zipfile
from pathlib import Path

arguments = argparse.ArgumentParser()
arguments.add_argument('paths', nargs='+', type=Path)
arguments.add_argument('--without', nargs='*', default=[])
given = arguments.parse_args()

package = io.BytesIO()
with zipfile.ZipFile(package, 'w', zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
    for path in given.paths:
        files = [path] if path.is_file() else sorted(file for file in path.rglob('*') if file.is_file())
        base = path.parent if path.is_file() else path
        for file in files:
            name = file.relative_to(base)
            left_out = '__pycache__' in name.parts or any(name.parts[0].startswith(without) for without in given.without)
            if not left_out:
                archive.write(file, name)
print(len(package.getvalue()))
