//! Values against those of the `gguf` package; `xtask/python/gguf_fixture.py` makes the files.

use std::path::{Path, PathBuf};

use d2o_gguf::{GgmlType, GgufFile};
use d2o_testing::parity::Parity;
use safetensors::SafeTensors;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

/// Every type that the issue of interchange names has its tensor, and every value its bits.
#[test]
fn every_type_gives_the_packages_numbers() {
    let file = GgufFile::open(&fixture("types.gguf")).unwrap();
    let bytes = std::fs::read(fixture("types.safetensors")).unwrap();
    let expected = SafeTensors::deserialize(&bytes).unwrap();
    let kinds = ["F32", "F16", "BF16", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K"];
    assert_eq!(file.tensor_names().count(), kinds.len());
    for kind in kinds {
        assert_eq!(file.tensor_type(kind).map(GgmlType::name), Some(kind));
        let values = file.tensor_f32(kind).unwrap();
        let view = expected.tensor(kind).unwrap();
        assert_eq!(file.shape(kind), Some(view.shape()));
        let theirs = view.data().chunks(4).map(|b| f32::from_le_bytes(b.try_into().unwrap()));
        let differences = values.iter().zip(theirs).map(|(ours, theirs)| (ours - theirs).abs());
        let worst = differences.fold(0f32, f32::max);
        Parity::new("gguf", "file").check(&format!("{kind} values against the gguf package"), 0.0, worst.into());
    }
}
