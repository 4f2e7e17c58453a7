"""Times training steps of the engine against PyTorch, one step of each side in turn, and prints a table and a CSV.
Called by scripts/bench_engine.sh:

    bench_engine.py ENGINE PYTHON CSV STEPS CASES THREADS     cases and threads separated by commas
"""
import csv
import os
import statistics
import subprocess
import sys

FORMATS = ("nchw", "channels_last")


class Side:
    """A process that trains one step for every line it is sent."""

    def __init__(self, command):
        # A spinning barrier waits for a time slice of whoever else uses the machine.
        environment = dict(os.environ, GOMP_SPINCOUNT=os.environ.get("GOMP_SPINCOUNT", "1000"))
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                        env=environment)
        self.wall, self.cpu = [], []

    def step(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        _, wall, cpu = self.process.stdout.readline().split()
        self.wall.append(float(wall))
        self.cpu.append(float(cpu))

    def facts(self):
        words = self.process.communicate()[0].split()
        return dict(zip(words[1::2], words[2::2]))


def median(values):
    return statistics.median(values)


def compare(engine, python, case, threads, steps):
    """Rows: the engine, then PyTorch in both formats, with what each took beside the other."""
    script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "bench_engine_torch.py")
    rows = []
    for memory_format in FORMATS:
        ours = Side([engine, case, str(threads), "0"])
        theirs = Side([python, script, "worker", case, str(threads), memory_format])
        for _ in range(steps):
            ours.step()
            theirs.step()
        a, b = ours.facts(), theirs.facts()
        rows.append({"case": case, "threads": threads, "format": memory_format, "steps": steps,
                     "engine_s": median(ours.wall), "engine_cpu_s": median(ours.cpu), "engine_min_s": min(ours.wall),
                     "torch_s": median(theirs.wall), "torch_cpu_s": median(theirs.cpu), "torch_min_s": min(theirs.wall),
                     "engine_mb": float(a["memory_mb"]), "torch_mb": float(b["memory_mb"]),
                     "gflop": float(a["flops"]) / 1e9, "path": a["path"]})
    return rows


def machine(engine, threads):
    words = subprocess.run([engine, "machine", str(threads)], check=True, capture_output=True, text=True).stdout.split()
    return float(words[2]), float(words[4])


def show(rows, peak):
    best = min(rows, key=lambda row: row["torch_s"])
    ratio = best["torch_s"] / best["engine_s"]
    cpu = min(row["torch_cpu_s"] for row in rows) / min(row["engine_cpu_s"] for row in rows)
    gflops = best["gflop"] / min(row["engine_s"] for row in rows)
    memory = min(row["torch_mb"] for row in rows) / max(row["engine_mb"] for row in rows)
    print(f"{best['case']:7} {best['threads']:2} {best['engine_s'] * 1e3:9.0f} {rows[0]['torch_s'] * 1e3:9.0f} "
          f"{rows[1]['torch_s'] * 1e3:9.0f} {ratio:6.2f} {cpu:6.2f} {best['engine_mb']:8.0f} {memory:6.2f} {gflops:7.1f} "
          f"{100 * gflops / peak:5.1f} %", flush=True)


def main(engine, python, path, steps, cases, threads):
    peaks = {}
    for t in threads:
        peaks[t], bandwidth = machine(engine, t)
        print(f"machine, {t} threads: {peaks[t]:.0f} GFLOP/s of FMA, {bandwidth:.0f} GB/s of c = a + b")
    print("\nMedians of steps in turn, ms. ratio: of the better format of PyTorch to the engine, wall and processor time;"
          "\nmemory: the engine's peak, MB, and how many times that PyTorch takes; share: of the FMA peak.\n")
    print("case    th    engine      nchw  chan.last  ratio  (cpu)   memory  times  GFLOP/s  share")
    with open(path, "w", newline="") as file:
        writer = None
        for case in cases:
            for t in threads:
                rows = compare(engine, python, case, t, steps)
                writer = writer or csv.DictWriter(file, rows[0].keys(), lineterminator="\n")
                if file.tell() == 0:
                    writer.writeheader()
                writer.writerows(rows)
                file.flush()
                show(rows, peaks[t])


if __name__ == "__main__":
    if len(sys.argv) != 7:
        sys.exit(__doc__)
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), sys.argv[5].split(","),
         [int(t) for t in sys.argv[6].split(",")])
