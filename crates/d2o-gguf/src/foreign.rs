//! Files that are no GGUF, or a form of it that is not read: what they are instead.

use std::path::Path;

use crate::error::GgufError;
use crate::format::MAGIC;

/// Refuses bytes that are known to be something else.
pub(crate) fn refuse(path: &Path, bytes: &[u8]) -> Result<(), GgufError> {
    match stand_in(bytes).or_else(|| other_format(bytes)) {
        Some((found, remedy)) => {
            Err(GgufError::Foreign { path: path.to_path_buf(), found: format!("is {found}"), remedy })
        }
        None => Ok(()),
    }
}

/// What `bytes` are instead of weights, and what to do about it; `None` if they are neither of the usual stand-ins.
///
/// A clone without Git LFS leaves small texts that point to the files; a download that was refused leaves a web page.
pub fn stand_in(bytes: &[u8]) -> Option<(&'static str, &'static str)> {
    let begin = bytes.trim_ascii_start();
    if begin.starts_with(b"version https://git-lfs") {
        return Some((
            "a Git LFS pointer, not the file that it points to",
            "fetch the file itself: `git lfs pull` in the clone, or download it again",
        ));
    }
    let head: Vec<u8> = begin.iter().take(14).map(u8::to_ascii_lowercase).collect();
    if head.starts_with(b"<!doctype html") || head.starts_with(b"<html") {
        return Some((
            "a web page, not a file of weights",
            "the download was refused or led elsewhere; fetch it again",
        ));
    }
    None
}

/// Formats that are brought as GGUF, by what they begin with.
fn other_format(bytes: &[u8]) -> Option<(&'static str, &'static str)> {
    let begin = bytes.get(..4)?;
    let convert = "convert the original model with llama.cpp's convert_hf_to_gguf.py";
    match begin {
        // The magics of the formats before GGUF, least byte first.
        b"lmgg" | b"fmgg" | b"tjgg" | b"algg" => {
            return Some(("a GGML file, from before GGUF, which is not read", convert));
        }
        b"PK\x03\x04" => {
            return Some((
                "a pickled PyTorch file or another archive; pickled weights can run code when opened and are not read",
                "save the model as safetensors or GGUF",
            ));
        }
        _ => {}
    }
    if begin == MAGIC {
        let version = u32::from_be_bytes(bytes.get(4..8)?.try_into().ok()?);
        return (1..=3).contains(&version).then_some((
            "a big-endian GGUF file; little-endian ones are read",
            "convert it with `python -m gguf.scripts.gguf_convert_endian FILE.gguf little`, or fetch it little-endian",
        ));
    }
    let header = u64::from_le_bytes(bytes.get(..8)?.try_into().ok()?);
    let safetensors = bytes.get(8) == Some(&b'{') && header < bytes.len() as u64;
    safetensors.then_some((
        "a safetensors file, which is read as part of its directory only",
        "give the directory that holds it, with config.json and tokenizer.json",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stand_ins_are_known_and_weights_are_none() {
        let pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 123\n";
        assert!(stand_in(pointer).unwrap().0.starts_with("a Git LFS pointer"));
        assert!(stand_in(b"\n<!DOCTYPE HTML><html>").unwrap().0.starts_with("a web page"));
        for weights in [&b"GGUF\x03\0\0\0"[..], b"@\0\0\0\0\0\0\0{\"__metadata__\"", b""] {
            assert_eq!(stand_in(weights), None);
        }
    }

    #[test]
    fn other_formats_are_named_with_what_to_do() {
        let header = b"{\"__metadata__\":{}}";
        let safetensors = [&(header.len() as u64).to_le_bytes()[..], header].concat();
        let cases: [(&[u8], &str, &str); 4] = [
            (b"tjgg\x03\0\0\0", "is a GGML file", "convert_hf_to_gguf.py"),
            (b"PK\x03\x04archive/data.pkl", "is a pickled PyTorch file", "safetensors or GGUF"),
            (b"GGUF\0\0\0\x03", "is a big-endian GGUF file", "gguf_convert_endian"),
            (&safetensors, "is a safetensors file", "give the directory"),
        ];
        for (bytes, found, remedy) in cases {
            let error = refuse(Path::new("m.gguf"), bytes).unwrap_err();
            assert!(error.to_string().starts_with(&format!("m.gguf: {found}")), "{error}");
            assert!(error.hint().unwrap().contains(remedy), "{error}");
        }
        assert!(refuse(Path::new("m.gguf"), b"GGUF\x03\0\0\0").is_ok());
        assert!(refuse(Path::new("m.gguf"), b"GG").is_ok(), "what is cut is the reader's to tell");
    }
}
