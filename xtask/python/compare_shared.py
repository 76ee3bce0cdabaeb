"""What the comparison scripts share: rows, clocks, and one JSON object a line in the units of `d2o bench`."""

import json
import os
import resource
import statistics
import time


def limit_threads(threads):
    """Before torch is imported: its pools read these once."""
    os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = str(threads)
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    os.environ["HF_HUB_OFFLINE"] = os.environ["HF_DATASETS_OFFLINE"] = "1"
    os.environ["CUDA_VISIBLE_DEVICES"] = ""


def rows(path):
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file if line.strip()]


def peak_mb():
    """Largest resident memory so far, MiB (the system counts KiB)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def cpu_seconds():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


class Laps:
    """Times steps, prints a line for each, and a summary of those that count."""

    def __init__(self, warmup):
        self.warmup, self.step, self.kept = warmup, 0, []

    def __enter__(self):
        self.wall, self.cpu = time.perf_counter(), cpu_seconds()
        return self

    def __exit__(self, *_):
        self.lap = (time.perf_counter() - self.wall, cpu_seconds() - self.cpu)

    def note(self, tokens, loss=None):
        wall, cpu = self.lap
        line = {"step": self.step, "wall_s": wall, "cpu_s": cpu, "loss": loss, "tokens": tokens, "rss_mb": peak_mb()}
        print(json.dumps(line), flush=True)
        if self.step >= self.warmup:
            self.kept.append((wall, cpu, tokens))
        self.step += 1

    def summary(self):
        walls, cpus, tokens = zip(*self.kept)
        print(json.dumps({
            "event": "summary", "median_s": statistics.median(walls), "median_cpu_s": statistics.median(cpus),
            "tok_per_s": sum(tokens) / sum(walls), "peak_rss_mb": peak_mb(), "steps": len(walls),
        }), flush=True)
