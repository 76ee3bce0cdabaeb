"""Makes the GGUF file of every type that is read, with the values that the `gguf` package gives for it.

    python gguf_fixture.py --out ../../crates/d2o-gguf/tests/fixtures

Writes `types.gguf`, one tensor for each type, named after it, of two rows of 512 values, and
`types.safetensors` with the values. Types of blocks hold random bytes with random scales, so that
every bit of a block counts; floats hold random numbers.
"""

import argparse
from pathlib import Path

import gguf
import numpy as np
from gguf import GGMLQuantizationType as Type
from safetensors.numpy import save_file

ROWS, COLUMNS = 2, 512
SEED = 20

# Bytes of a block where half-precision scales and minima stand.
SCALES = {
    Type.Q4_0: [0],
    Type.Q4_1: [0, 2],
    Type.Q5_0: [0],
    Type.Q5_1: [0, 2],
    Type.Q8_0: [0],
    Type.Q2_K: [80, 82],
    Type.Q3_K: [108],
    Type.Q4_K: [0, 2],
    Type.Q5_K: [0, 2],
    Type.Q6_K: [208],
}
FLOATS = (Type.F32, Type.F16, Type.BF16)


def blocks(kind, random):
    """Rows of random blocks of `kind`."""
    values, size = gguf.GGML_QUANT_SIZES[kind]
    data = random.integers(0, 256, (ROWS * COLUMNS // values, size), dtype=np.uint8)
    for at in SCALES[kind]:
        scales = random.uniform(-0.1, 0.1, len(data)).astype(np.float16)
        data[:, at : at + 2] = scales.view(np.uint8).reshape(-1, 2)
    return data.reshape(ROWS, -1)


def floats(kind, random):
    """Rows of random numbers as `kind`."""
    numbers = random.normal(size=(ROWS, COLUMNS)).astype(np.float32)
    return gguf.quants.quantize(numbers, kind)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder for the two files")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(SEED)
    writer, expected = gguf.GGUFWriter(args.out / "types.gguf", "llama"), {}
    for kind in (*FLOATS, *SCALES):
        data = floats(kind, random) if kind in FLOATS else blocks(kind, random)
        writer.add_tensor(kind.name, data, raw_dtype=kind)
        expected[kind.name] = gguf.quants.dequantize(data, kind).reshape(ROWS, COLUMNS)
        assert np.isfinite(expected[kind.name]).all(), kind
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    save_file(expected, args.out / "types.safetensors")


if __name__ == "__main__":
    main()
