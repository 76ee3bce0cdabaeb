//! The example runs, and says what the file holds.

#[path = "../examples/inspect.rs"]
mod inspect;

use d2o_gguf::GgufFile;

#[test]
fn inspect_says_what_the_file_holds() {
    inspect::main().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("small.gguf");
    inspect::write_small(&path).unwrap();
    let text = inspect::description(&GgufFile::open(&path).unwrap());
    for line in [
        ": GGUF version 3\n",
        "\ngeneral.architecture = \"llama\"\n",
        "\ntokenizer.ggml.tokens = 4 texts\n",
        "\ntoken_embd.weight [4, 32] Q8_0",
        "\noutput_norm.weight [32] F32",
    ] {
        assert!(text.contains(line), "{line:?} in {text}");
    }
}
