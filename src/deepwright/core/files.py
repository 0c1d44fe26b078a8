"""Files: the one door to the disk for everything a run leaves behind; atomic to write, safe to read.

Writing   write_bytes, write_text, write_json, write_parquet, write_tensors   all of the new file, or all of the old one
          append_line, truncate_lines                                         logs of JSON lines
          new_folder, write_manifest, amend, sweep                            folders that appear whole
Reading   read_bytes, read_text, read_json, read_json_lines, read_parquet, read_tensors
          check_manifest, inside, boundary                                    nothing executes, nothing outside is read
"""

from deepwright.core.manifest import MANIFEST, amend, check_manifest, new_folder, sweep, write_manifest
from deepwright.core.paths import inside
from deepwright.core.reading import (
    boundary,
    parse_json,
    read_bytes,
    read_json,
    read_json_lines,
    read_parquet,
    read_text,
)
from deepwright.core.tensors import read_tensors, write_tensors
from deepwright.core.writing import (
    append_line,
    json_bytes,
    plain,
    truncate_lines,
    write_bytes,
    write_json,
    write_parquet,
    write_text,
)

__all__ = [
    "MANIFEST",
    "amend",
    "append_line",
    "boundary",
    "check_manifest",
    "inside",
    "json_bytes",
    "new_folder",
    "parse_json",
    "plain",
    "read_bytes",
    "read_json",
    "read_json_lines",
    "read_parquet",
    "read_tensors",
    "read_text",
    "sweep",
    "truncate_lines",
    "write_bytes",
    "write_json",
    "write_manifest",
    "write_parquet",
    "write_tensors",
    "write_text",
]
