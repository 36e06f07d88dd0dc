"""`make bench-reader`: reading a 1 GB file into Parquet, against DuckDB's `read_csv` into a table in the same run.

Limits: at least half of DuckDB's speed, peak memory under 1 GB. `--megabytes N` takes a smaller file.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
from pathlib import Path

from bench.made_table import write_table
from bench.scale import _run

OURS = "import sys; from pathlib import Path; from einstein.ml.reader import read_to_parquet as r; print(r(Path(sys.argv[1]), Path(sys.argv[2])).rows)"
DUCKDB = "import sys, duckdb; c = duckdb.connect(sys.argv[2]); c.execute('SET enable_progress_bar = false'); c.execute('CREATE TABLE t AS SELECT * FROM read_csv(?)', [sys.argv[1]]); print(c.execute('SELECT count(*) FROM t').fetchone()[0])"
SAMPLED_ROWS = 20_000  # written first, to learn how long a row is
RUNS = 3
LIMIT_SHARE, LIMIT_GB = 0.5, 1.0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=1000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        file = folder / "table.csv"
        write_table(file, SAMPLED_ROWS)
        write_table(file, options.megabytes * 1_000_000 * SAMPLED_ROWS // file.stat().st_size)
        size = file.stat().st_size / 1e6
        ours, theirs, peaks = [], [], []
        for run in range(RUNS):
            rows, seconds, peak = _run([sys.executable, "-c", OURS, str(file), str(folder / "t.parquet")])
            ours.append(size / seconds)
            peaks.append(peak)
            same, seconds, _ = _run([sys.executable, "-c", DUCKDB, str(file), str(folder / f"{run}.duckdb")])
            theirs.append(size / seconds)
    share = statistics.median(ours) / statistics.median(theirs)
    print(f"{size:,.0f} MB, {int(rows):,} records (DuckDB {int(same):,}), {os.cpu_count()} cores")
    print(
        f"ours   {min(ours):.0f}/{statistics.median(ours):.0f}/{max(ours):.0f} MB/s into Parquet, peak {max(peaks):.2f} GB (under {LIMIT_GB:.0f})"
    )
    print(
        f"DuckDB {min(theirs):.0f}/{statistics.median(theirs):.0f}/{max(theirs):.0f} MB/s into its own table; ours is {share:.2f} of it (at least {LIMIT_SHARE})"
    )
    return int(share < LIMIT_SHARE or max(peaks) > LIMIT_GB)


if __name__ == "__main__":
    sys.exit(main())
