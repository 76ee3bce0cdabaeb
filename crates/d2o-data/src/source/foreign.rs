//! Files that hold no rows as text, told by their first bytes, and what to do with them.

/// What a file is, and how its rows can be had.
pub(crate) struct Foreign {
    /// What the file is.
    pub(crate) what: &'static str,
    /// What to do.
    pub(crate) remedy: &'static str,
}

const fn foreign(what: &'static str, remedy: &'static str) -> Foreign {
    Foreign { what, remedy }
}

const UNPACK: &str = "unpack it first; gzip and Zstandard are read as they are";
const CONVERT: &str =
    "write it as JSON lines or Parquet, such as with `to_json(\"rows.jsonl\")` of the library it is from";
const AGAIN: &str = "download the file itself, not the page that shows it";

/// First bytes, and what begins so.
static MARKS: [(&[u8], Foreign); 13] = [
    (b"PK\x03\x04", foreign("a zip archive (or a spreadsheet)", "unpack it first, or save the sheet as CSV in UTF-8")),
    (b"BZh", foreign("packed with bzip2", UNPACK)),
    (b"\xfd7zXZ\x00", foreign("packed with xz", UNPACK)),
    (b"7z\xbc\xaf\x27\x1c", foreign("a 7z archive", UNPACK)),
    (b"\x04\x22\x4d\x18", foreign("packed with LZ4", UNPACK)),
    (b"ARROW1", foreign("an Arrow file", CONVERT)),
    (b"\xff\xff\xff\xff", foreign("an Arrow stream", CONVERT)),
    (b"SQLite format 3\x00", foreign("an SQLite database", "write the query's rows as CSV or JSON lines")),
    (b"version https://git-lfs", foreign("a pointer of Git LFS, not the file", "`git lfs pull` brings the file")),
    (b"\xff\xfe", foreign("text in UTF-16", "save it in UTF-8")),
    (b"\xfe\xff", foreign("text in UTF-16", "save it in UTF-8")),
    (b"GGUF", foreign("a model in GGUF", "give the file of rejected answers here, and the model to --model")),
    (b"\x80\x04", foreign("a Python pickle", CONVERT)),
];

/// What the file is instead of text with rows; none if it may be text.
pub(crate) fn foreign_file(head: &[u8]) -> Option<&'static Foreign> {
    static PAGE: Foreign = foreign("a web page", AGAIN);
    static BINARY: Foreign = foreign("no text", CONVERT);
    if let Some((_, found)) = MARKS.iter().find(|(mark, _)| head.starts_with(mark)) {
        return Some(found);
    }
    let begin = head.trim_ascii_start();
    let opens = |tag: &[u8]| begin.get(..tag.len()).is_some_and(|text| text.eq_ignore_ascii_case(tag));
    if opens(b"<!doctype html") || opens(b"<html") {
        return Some(&PAGE);
    }
    head.contains(&0).then_some(&BINARY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_text_is_named() {
        let what = |head: &[u8]| foreign_file(head).map(|found| found.what);
        assert_eq!(what(b"PK\x03\x04rest"), Some("a zip archive (or a spreadsheet)"));
        assert_eq!(what(b"\n <!DOCTYPE HTML>"), Some("a web page"));
        assert_eq!(
            what(b"version https://git-lfs.github.com/spec/v1\noid"),
            Some("a pointer of Git LFS, not the file")
        );
        assert_eq!(what(b"{\"prompt\":\0"), Some("no text"));
        assert_eq!(what(b"{\"prompt\": \"p\"}"), None);
        assert_eq!(what("prompt,rejected\né,ü".as_bytes()), None);
        assert_eq!(what(b""), None);
    }
}
